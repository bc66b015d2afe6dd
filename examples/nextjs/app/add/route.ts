import type { AddFailure } from "@/lib/add-failures";
import { isFromThisSite, readForm, refuseOtherSite, seeOther } from "@/lib/server/forms";
import { fit } from "@/lib/text/lines";
import { apiOfRequest, todayOfUser } from "@/lib/server/api";
import { getSession } from "@/lib/server/session";
import { parseView, urlOf } from "@/lib/views";

/** Add a todo from the form of a page whose JavaScript has not loaded. What was typed is never lost. */
export async function POST(request: Request): Promise<Response> {
  if (!isFromThisSite(request)) return refuseOtherSite();
  const { title = "", back } = await readForm(request);
  const view = viewOf(back);
  const failed = (code: AddFailure) => seeOther(withParams(urlOf(view), { failed: code, ...(title && { title }) }));
  if (!title) return failed("empty");
  try {
    if (!(await getSession())) return seeOther(`/sign-in?${new URLSearchParams({ title })}`);
    const api = await apiOfRequest();
    // The new todo is in the view that the user sees, as with JavaScript.
    const more = {
      ...(view.name === "tag" && { tags: [view.tag] }),
      ...(view.name === "today" && { due: await todayOfUser() }),
    };
    // What does not fit into a title is in the notes, or in further todos. The last one of a batch is on top.
    const put = fit(title).map((draft) => ({ ...draft, ...more, id: crypto.randomUUID() }));
    const { data, response } = await api.POST("/api/batch", { body: { put: put.reverse() } });
    if (data?.results.every(({ status }) => status === 201)) return seeOther(view.name === "completed" || view.name === "trash" ? "/" : urlOf(view));
    if (response.status === 401) return seeOther(`/sign-in?${new URLSearchParams({ title })}`);
    return failed("down");
  } catch (error) {
    console.warn("A todo was not added:", String(error));
    return failed("down");
  }
}

/** Return the view of an address. Only its parameters count, so the form cannot name another site. */
function viewOf(back = "/") {
  const { searchParams } = URL.parse(back, "http://localhost") ?? new URL("http://localhost");
  return parseView(searchParams);
}

function withParams(path: string, params: Record<string, string>): string {
  return `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams(params)}`;
}
