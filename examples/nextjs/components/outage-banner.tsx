"use client";

import { useEffect, useState, useSyncExternalStore } from "react";

import { getOutage, subscribeToOutage, tryNow } from "@/lib/api";

/** Says what cannot be reached, and when it will be tried again. */
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
            {/* Not read out again each second. */}
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
