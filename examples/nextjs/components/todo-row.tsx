import { Calendar, CircleAlert, Flag, GripVertical, Pencil, RotateCcw, StickyNote, Trash2 } from "lucide-react";
import { type CSSProperties, memo } from "react";

import { TextWithLinks } from "@/components/text-with-links";
import { PRIORITIES } from "@/lib/text/priorities";
import { isOverdue, showDue } from "@/lib/text/due";
import { hueOf } from "@/lib/text/tag-colour";
import { ROW } from "@/lib/hooks/use-rows-in-sight";
import { urlOf } from "@/lib/views";
import type { Shown } from "@/sync/types";

type Props = {
  todo: Shown;
  index: number;
  count: number;
  today: string;
  /** Whether its buttons are in the order of the tab key. */
  isActive: boolean;
  canMove: boolean;
  isInTrash: boolean;
};

const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
// Elements of a module are the same for all renders, so React skips them.
const ICONS = {
  restore: <RotateCcw aria-hidden />,
  edit: <Pencil aria-hidden />,
  delete: <Trash2 aria-hidden />,
  move: <GripVertical aria-hidden />,
  problem: <CircleAlert aria-hidden size={14} />,
  due: <Calendar aria-hidden size={14} />,
  priority: <Flag aria-hidden size={14} />,
  notes: <StickyNote aria-hidden size={14} />,
};

/**
 * Show a todo. The list handles its events: `data-act` is the action of a button.
 *
 * It is memoised, and has no function as a property, so that a change of one todo renders one row.
 */
export const TodoRow = memo(function TodoRow({ todo, index, count, today, isActive, canMove, isInTrash }: Props) {
  const name = `“${todo.title}”`;
  const tab = isActive ? 0 : -1;
  const titleId = `title-${todo.id}`;
  return (
    <li
      className="todo"
      data-id={todo.id}
      data-completed={todo.completed || undefined}
      aria-setsize={count}
      aria-posinset={index + 1}
      style={{ transform: `translateY(${index * ROW}rem)` }}
    >
      {isInTrash ? (
        <button type="button" className="icon-button row-start" data-act="restore" aria-label={`Restore ${name}`}>
          {ICONS.restore}
        </button>
      ) : (
        <input
          type="checkbox"
          className="check"
          data-priority={todo.priority}
          aria-labelledby={titleId}
          checked={todo.completed}
          onChange={ignore}
        />
      )}
      <div className="text" data-act="edit">
        <div className="title" id={titleId} dir="auto">
          <TextWithLinks text={todo.title} />
        </div>
        <Meta todo={todo} today={today} tab={tab} />
      </div>
      <div className="row-buttons">
        {!isInTrash && (
          <button type="button" className="icon-button edit" data-act="edit" aria-label={`Edit ${name}`} tabIndex={tab}>
            {ICONS.edit}
          </button>
        )}
        <button
          type="button"
          className={isInTrash ? "icon-button purge" : "icon-button delete"}
          data-act={isInTrash ? "purge" : "delete"}
          aria-label={isInTrash ? `Delete ${name} for good` : `Delete ${name}`}
          tabIndex={tab}
        >
          {ICONS.delete}
        </button>
        {canMove && (
          <button type="button" className="icon-button move" data-act="move" aria-label={`Move ${name}`} tabIndex={tab}>
            {ICONS.move}
          </button>
        )}
      </div>
    </li>
  );
});

function Meta({ todo, today, tab }: { todo: Shown; today: string; tab: number }) {
  const { due, priority, tags, description, problem } = todo;
  if (!due && priority === "none" && tags.length === 0 && !description && !problem) return null;
  return (
    <div className="meta" dir={directionOf(todo.title)}>
      {problem && (
        <span className="meta-problem" title={problem}>
          {ICONS.problem}
          <span>Not saved: {problem}</span>
        </span>
      )}
      {due && (
        <span className="meta-due" data-due={dueKind(todo, today)}>
          {ICONS.due}
          <span className="hidden">Due </span>
          <time dateTime={due}>{showDue(due, today)}</time>
        </span>
      )}
      {priority !== "none" && (
        <span className="meta-priority" data-priority={priority}>
          {ICONS.priority}
          {PRIORITIES[priority]}
          <span className="hidden"> priority</span>
        </span>
      )}
      {description && (
        <span className="meta-notes" title="Has notes">
          {ICONS.notes}
          <span className="hidden">Has notes</span>
        </span>
      )}
      {tags.map((tag) => (
        <a
          key={tag}
          className="tag"
          href={urlOf({ name: "tag", tag, q: "", sort: "position" })}
          tabIndex={tab}
          data-view
          style={{ "--hue": hueOf(tag) } as CSSProperties}
        >
          <span dir="auto">{tag}</span>
        </a>
      ))}
    </div>
  );
}

function dueKind(todo: Shown, today: string): string | undefined {
  if (todo.completed || !todo.due) return undefined;
  if (isOverdue(todo.due, today)) return "overdue";
  return todo.due.startsWith(today) ? "today" : undefined;
}

/** Return the direction that `dir="auto"` finds, so that both lines of a row begin on the same side. */
function directionOf(title: string): "rtl" | "ltr" {
  return RIGHT_TO_LEFT.test(/\p{Letter}/u.exec(title)?.[0] ?? "") ? "rtl" : "ltr";
}

/** The list handles the change. */
function ignore(): void {}

/** A row while nothing is known. */
export function SkeletonRow({ index }: { index: number }) {
  return (
    <div className="todo skeleton" style={{ transform: `translateY(${index * ROW}rem)` }}>
      <span className="skeleton-check" />
      <span className="skeleton-text" style={{ width: `${[52, 38, 61, 45, 33, 57][index % 6]}%` }} />
    </div>
  );
}
