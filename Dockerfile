# This image runs the API on Cloud Run, Fly and other container hosts. docs/deploy.md has the commands.
FROM python:3.13-slim

WORKDIR /app

# This layer precedes the code, so that it is built again only when a requirement changes.
COPY requirements.txt ./
RUN pip install --no-cache-dir --root-user-action=ignore --requirement requirements.txt

COPY . ./
# The process may not write here, so Python would otherwise compile the code at every start.
RUN python -m compileall -q .

# This is the user nobody. The number shows hosts that it is not root.
USER 65534:65534

EXPOSE 8000

# exec lets the host's SIGTERM reach uvicorn. Requests then have 8 seconds to end, because hosts wait
# 10 seconds. DB_TIMEOUT is shorter, so that requests that wait for a hanging database end in time, too.
# uvicorn keeps idle connections longer than proxies do (Google's: 600 seconds), because a proxy answers
# 502 if a connection is closed at the moment when it uses it.
ENV DB_TIMEOUT=7.5
CMD ["sh", "-c", "exec uvicorn main:app --host 0.0.0.0 --port ${PORT:-8000} --timeout-graceful-shutdown 8 --timeout-keep-alive 620"]
