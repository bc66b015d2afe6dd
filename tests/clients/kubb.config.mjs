import { defineConfig } from '@kubb/core'
import { pluginClient } from '@kubb/plugin-client'
import { pluginOas } from '@kubb/plugin-oas'
import { pluginTs } from '@kubb/plugin-ts'

export default defineConfig({
  input: { path: './openapi.json' },
  output: { path: './generated', format: false, lint: false },
  plugins: [
    pluginOas({ generators: [] }),
    pluginTs({ unknownType: 'unknown' }),
    // `bundle` is the only choice of kubb 5. With 'full' the answer has its status and headers.
    pluginClient({ client: 'fetch', bundle: true, dataReturnType: 'full' }),
  ],
})
