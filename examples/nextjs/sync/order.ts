/** Sort todos by hand. A position is a decimal number in a string, because a number of JavaScript rounds it. */

type Placed = { id: string; position: string };

const MAX_LENGTH = 60; // characters of a position, a limit of the API
const ONE = 10n ** BigInt(MAX_LENGTH);

/** Compare two todos for a sort: the larger position first, and then the smaller id. */
export function compare(a: Placed, b: Placed): number {
  if (a.position !== b.position) {
    const difference = Number(b.position) - Number(a.position);
    if (difference) return difference;
    const [left, right] = [steps(a.position), steps(b.position)]; // the numbers differ after their 16th digit
    if (left !== right) return left > right ? -1 : 1;
  }
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Return a position above all todos, as the API chooses it: the seconds since 1970, or a larger number. */
export function top(todos: readonly Placed[]): string {
  let highest: Placed | undefined;
  for (const todo of todos) if (!highest || compare(todo, highest) < 0) highest = todo;
  const above = highest ? above1(highest.position) : 0n;
  const now = BigInt(Math.floor(Date.now() / 1000));
  return String(above > now ? above : now);
}

/** Return the shortest position between two, or undefined if there is no room. Without `above` it is the top. */
export function between(above?: string, below?: string): string | undefined {
  const low = below === undefined ? steps(above ?? "0") - 2n * ONE : steps(below);
  const high = above === undefined ? low + 2n * ONE : steps(above);
  for (let decimals = 0, size = ONE; decimals < MAX_LENGTH - 1; decimals++, size /= 10n) {
    const middle = ((low + high) / 2n / size) * size;
    if (low < middle && middle < high) return text(middle, decimals);
  }
  return undefined;
}

/**
 * Return the positions that move a todo, by id.
 *
 * @param list the todos in their order
 * @param index the place in the list that the todo has after the move; another todo may have to move up
 */
export function moved(list: readonly Placed[], id: string, index: number): Map<string, string> {
  const others = list.filter((todo) => todo.id !== id);
  const above = others[index - 1];
  const below = others[index];
  if (list[index]?.id === id || others.length === list.length || !(above ?? below)) return new Map();
  const position = between(above?.position, below?.position);
  if (position !== undefined) return new Map([[id, position]]);

  // There is no room, so the todo gets the next whole number, and those above it move up as far as needed.
  let next = above1(below?.position ?? "0");
  const positions = new Map([[id, String(next)]]);
  for (let place = index - 1; place >= 0 && steps(others[place]!.position) <= next * ONE; place--) {
    next += 1n;
    positions.set(others[place]!.id, String(next));
  }
  return positions;
}

/** Return the smallest whole number that is larger than a position. */
function above1(position: string): bigint {
  const value = steps(position);
  const whole = value / ONE; // rounded towards zero
  return value < 0n && whole * ONE !== value ? whole : whole + 1n;
}

/** Return a position in units of its 60th decimal. */
function steps(position: string): bigint {
  const [whole = "0", decimals = ""] = position.split(".");
  return BigInt(whole + decimals.padEnd(MAX_LENGTH, "0"));
}

function text(value: bigint, decimals: number): string | undefined {
  const digits = String(value < 0n ? -value : value).padStart(MAX_LENGTH + 1, "0");
  const point = digits.length - MAX_LENGTH;
  const position = `${value < 0n ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point, point + decimals)}`;
  return position.length > MAX_LENGTH ? undefined : position.replace(/\.$/, "");
}
