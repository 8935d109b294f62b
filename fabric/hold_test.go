package fabric_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/fabric"
)

// TestHold: one participant, one process that holds it; another may hold another.
func TestHold(t *testing.T) {
	f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), params())
	if err != nil {
		t.Fatal(err)
	}
	release, err := f.Hold("gw")
	if err != nil {
		t.Fatal(err)
	}
	other, err := f.Hold("gw2")
	if err != nil {
		t.Error(err)
	} else {
		other()
	}
	if _, err := f.Hold("gw"); !errors.Is(err, fabric.ErrHeld) || !strings.Contains(err.Error(), "enroll another executor") {
		t.Errorf("held twice: %v", err)
	}
	if _, err := f.Hold("../gw"); err == nil {
		t.Error("a name that leads elsewhere was held")
	}
	release()
	again, err := f.Hold("gw")
	if err != nil {
		t.Fatal(err)
	}
	again()
}
