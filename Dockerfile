# The API for hosts of containers: Cloud Run, Fly and others. docs/deploy.md has the commands.
FROM python:3.13-slim

WORKDIR /app

# Before the code: this layer is made again only when a requirement changes.
COPY requirements.txt ./
RUN pip install --no-cache-dir --root-user-action=ignore --requirement requirements.txt

COPY . ./
# The process may not write here, so Python would compile the code again at every start.
RUN python -m compileall -q .

# nobody, by number, so that a host can see that it is not root.
USER 65534:65534

EXPOSE 8000

# exec, so that the host's SIGTERM reaches uvicorn. Requests then have 8 seconds to end, within the
# 10 that hosts give; with a shorter DB_TIMEOUT also those that wait for a database that hangs.
# Idle connections are kept longer than proxies keep them (Google's for 600 seconds): one that is
# closed the moment a proxy uses it is a 502.
ENV DB_TIMEOUT=7.5
CMD ["sh", "-c", "exec uvicorn main:app --host 0.0.0.0 --port ${PORT:-8000} --timeout-graceful-shutdown 8 --timeout-keep-alive 620"]
