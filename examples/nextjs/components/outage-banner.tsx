"use client";

import { useEffect, useState, useSyncExternalStore } from "react";

import { getOutage, subscribeToOutage, tryNow } from "@/lib/api";

/** Show the reason of an outage and the time until the next attempt. */
export function OutageBanner() {
  const outage = useSyncExternalStore(subscribeToOutage, getOutage, () => undefined);
  const [now, setNow] = useState(0);

  useEffect(() => {
    if (!outage) return;
    const tick = () => setNow(Date.now());
    tick();
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [outage]);

  const seconds = outage ? Math.ceil((outage.until - now) / 1000) : 0;
  return (
    <div className="outage" role="status">
      {outage && (
        <>
          <span>
            {outage.reason}{" "}
            {/* A screen reader must not read this again each second. */}
            <span aria-hidden="true">{seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again …"}</span>
          </span>
          <button type="button" onClick={tryNow}>
            Try now
          </button>
        </>
      )}
    </div>
  );
}
