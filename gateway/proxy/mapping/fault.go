package mapping

import "fmt"

// Fault is a request that is no call. Nothing was proposed for it.
type Fault struct {
	Status int    // of HTTP, 4xx; see RFC 9110, section 15.5
	Text   string // what is wrong, and how to mend it
	Allow  string // the methods that the path has; with status 405 alone
}

func (f *Fault) Error() string { return f.Text }

func fault(status int, format string, args ...any) *Fault {
	return &Fault{Status: status, Text: fmt.Sprintf(format, args...)}
}
