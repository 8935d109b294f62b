package disk

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// childOf names, in the environment of a child process, the image that it serves.
const childOf = "PORTCULLIS_FAULT_DISK_IMAGE"

// Child serves a disk and ends the process, if this process is a child that [Disk.On]
// started. Otherwise it does nothing.
func Child() {
	image := os.Getenv(childOf)
	if image == "" {
		return
	}
	if err := child(image, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:revive // the child's whole purpose ends here
	}
	os.Exit(0) //nolint:revive // as above
}

// front is where the device appears that an image stands behind.
func front(image string) string { return image + ".device" }

// What a child inherits, besides the standard streams.
const (
	connectionFD = 3 // of the mount that it serves
	namespaceFD  = 4 // the mount namespace in which it runs
)

// child serves the device and obeys the lines that it is sent.
func child(image string, orders io.Reader, answers io.Writer) error {
	durable, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	defer durable.Close()
	now, err := io.ReadAll(durable)
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	m := &medium{durable: durable, now: now}
	served := make(chan error, 1)
	go func() { served <- (&server{connectionFD, m}).serve() }()
	fmt.Fprintln(answers, "on")
	if err := obey(m, orders, answers); err != nil {
		return err
	}
	return <-served // its mount is gone then
}

// obey does what each line says until there is no more: `cut WRITES SURVIVE SEED` or `fail`.
func obey(m *medium, orders io.Reader, answers io.Writer) error {
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		var writes, survive int
		var seed uint64
		if lines.Text() == "fail" {
			m.fail()
			fmt.Fprintln(answers, "failing")
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "cut %d %d %d", &writes, &survive, &seed); err != nil {
			return fmt.Errorf("disk: %q is no order: %w", lines.Text(), err)
		}
		done, err := m.cut(writes, survive, seed)
		if err != nil {
			return err
		}
		fmt.Fprintf(answers, "cut %d %d\n", done.Cached, done.Lost)
	}
	return nil
}
