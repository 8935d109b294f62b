package fabric

// WriteSecret puts a whole new content in the place of a file, mode 0600: after a
// crash there is the old one or the new one. ReadSecret reads it.
func WriteSecret(path string, data []byte) error { return replaceFile(path, data) }
