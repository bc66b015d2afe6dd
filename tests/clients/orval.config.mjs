export default {
  api: {
    input: './openapi.json',
    output: {
      target: './generated/client.ts',
      client: 'fetch',
      baseUrl: { runtime: 'baseUrl', imports: [{ name: 'baseUrl', importPath: '../shared.ts' }] },
    },
  },
}
