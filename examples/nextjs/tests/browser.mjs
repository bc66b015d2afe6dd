// Run all files of tests in one process, so that they share one stack and one build.

import "./proxy.test.mjs";
import "./first-load.test.mjs";
import "./sign-in.test.mjs";
import "./mail.test.mjs";
import "./mail-smtp.test.mjs";
import "./github.test.mjs";
import "./list.test.mjs";
import "./undo.test.mjs";
import "./editor.test.mjs";
import "./keyboard.test.mjs";
import "./devices.test.mjs";
import "./offline.test.mjs";
import "./storage.test.mjs";
import "./many.test.mjs";
import "./looks.test.mjs";
import "./update.test.mjs";
