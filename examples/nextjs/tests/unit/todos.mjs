// Todos for the unit tests.

import { NEW } from "../../sync/types.ts";

/** @typedef {import("../../sync/types.ts").Shown} Shown */

let count = 0;

/** Return a todo. Each has its own id, which sorts as it was made. @param {Partial<Shown>} fields @returns {Shown} */
export function todo(fields = {}) {
  count++;
  return {
    ...NEW,
    id: `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`,
    ...NEW,
    title: `Todo ${count}`,
    position: "1795507200",
    place: "list",
    created_at: "2026-11-24T08:00:00Z",
    updated_at: null,
    completed_at: null,
    deleted_at: null,
    isSaved: true,
    ...fields,
  };
}
