package fabric

// MarkPath is the file that remembers where an executor's unsettled claims
// begin; see Mark.
func (f *Fabric) MarkPath(executor string) string { return f.path(runDir, executor+".mark") }
