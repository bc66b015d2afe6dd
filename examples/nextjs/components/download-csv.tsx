"use client";

import { useState } from "react";

import { allTodos, api } from "@/lib/api";
import { toCsv } from "@/lib/csv";

/** Download all todos of the user as a file for a spreadsheet. */
export function DownloadCsv() {
  const [error, setError] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);

  async function download(): Promise<void> {
    setIsBusy(true);
    setError(undefined);
    try {
      save(toCsv(await allTodos(api)), "todos.csv");
    } catch (error) {
      setError(error instanceof Error && error.message ? error.message : "The todos could not be loaded.");
    }
    setIsBusy(false);
  }

  return (
    <>
      <button type="button" onClick={() => void download()} disabled={isBusy}>
        {isBusy ? "Downloading …" : "Download as CSV"}
      </button>
      {error && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
    </>
  );
}

function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads the file after the click
}
