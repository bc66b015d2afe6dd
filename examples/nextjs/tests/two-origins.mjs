// Run the tests in which the network matters, while the API has an origin of its own: `npm run test:two-origins`.

import "./first-load.test.mjs";
import "./sign-in.test.mjs";
import "./list.test.mjs";
import "./devices.test.mjs";
import "./offline.test.mjs";
import "./storage.test.mjs";
import "./many.test.mjs";
import "./update.test.mjs";
