import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  turbopack: { root: import.meta.dirname }, // else Next looks for a lock file in the folders above
};

export default config;
