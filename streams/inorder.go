package streams

import "github.com/portcullis-dev/portcullis/inorder"

// inOrder prepares records on every processor and steps over them in order, in
// this goroutine: see inorder.Slice.
func inOrder[T any](records []Raw, prepare func(Raw) T, step func(int, T) error) error {
	return inorder.Slice(records, prepare, step)
}
