package policy

import "errors"

var errPanic = errors.New("cedar-go failed on this policy")

// safely calls f and turns a panic of the library into an error, so that no
// source can stop who compiles it.
func safely(f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return f()
}
