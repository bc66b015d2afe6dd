import type { Metadata } from "next";

import { Home } from "@/components/home";

/** The app without a user and without todos. The service worker keeps it, and returns it instead of `/`. */
export const dynamic = "error"; // it must be the same for everybody

export const metadata: Metadata = { robots: { index: false } };

export default function Page() {
  return <Home />;
}
