// What the four clients in TypeScript share.

/** The address of the API. */
export const baseUrl = process.env['API_URL']!

/** The token of a user without todos. */
export const token = process.env['TOKEN']!

/** Return the cursor in the value of a header `Link`, or an empty object on the last page. */
export function nextPage(link: string | null): { cursor?: string } {
  const url = link?.match(/<([^>]+)>; rel="next"/)?.[1]
  const cursor = url && new URL(url, baseUrl).searchParams.get('cursor')
  return cursor ? { cursor } : {}
}
