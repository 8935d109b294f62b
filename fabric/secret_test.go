package fabric

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestCheckPrivateRefusesOtherOwners(t *testing.T) {
	path := t.TempDir() + "/key"
	if err := writeNew(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkPrivate(path, info, os.Geteuid()); err != nil {
		t.Error(err)
	}
	if err := checkPrivate(path, info, os.Geteuid()+1); !errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), "chown") {
		t.Errorf("another's file: %v", err)
	}
}
