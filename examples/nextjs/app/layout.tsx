import "./globals.css";
import "./details.css";

import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";

export const metadata: Metadata = {
  description: "Your todos on all your devices, also without a connection.",
  applicationName: "Todos",
  appleWebApp: { capable: true, title: "Todos" },
  formatDetection: { telephone: false, date: false, email: false, address: false },
};

export const viewport: Viewport = {
  colorScheme: "light dark",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f7f7f5" },
    { media: "(prefers-color-scheme: dark)", color: "#131415" },
  ],
};

export default function Layout({ children }: { children: ReactNode }) {
  return (
    // The service worker reads the build from a page.
    <html lang="en" data-build={process.env.NEXT_PUBLIC_BUILD}>
      <body>{children}</body>
    </html>
  );
}
