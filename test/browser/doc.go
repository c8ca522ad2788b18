// Package browser looks at the page of a record as a reader does: in a browser,
// on a wide and a narrow screen, by day and by night, on paper. Its tests need
// Chromium or Chrome in the PATH, and the build tag browser: make e2e-browser.
package browser
