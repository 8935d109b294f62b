package main

import (
	"os"
	"testing"
)

// asBinary makes the test's executable behave as portcullis itself, so that
// tests start real processes of exactly the code under test.
const asBinary = "PORTCULLIS_TEST_AS_BINARY"

func TestMain(m *testing.M) {
	if os.Getenv(asBinary) != "" {
		main()
		return
	}
	if err := os.Setenv(asBinary, "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
