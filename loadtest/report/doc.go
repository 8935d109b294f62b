// Package report shows what load tests found: as a table for a terminal, and as one HTML page that needs nothing
// but itself. Both are written from one Document, so they cannot differ; what failed stands first in both.
//
// Everything that a result says is text from elsewhere: it is escaped wherever it is written, and a value that is
// missing, zero or not a number is shown as a dash, never computed with.
package report
