// Package dashboards is the console: a web application over the ledger. It follows
// the ledger as everybody does and owns no truth. What people do with it is
// signed in their browser, or by the command line, and handed on as it is: the console
// has no signing key.
//
// Each surface is a package that names its routes (package surface). This one puts them
// together: it asks who asks, refuses what another site's page could send, and serves
// the application, whose built files are embedded (folder web).
package dashboards
