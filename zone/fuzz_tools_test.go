package zone_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// FuzzReadTools: tools.yaml is read strictly or refused, what is read has a digest
// and an absolute root, and is opened or refused as a mistake of that file.
func FuzzReadTools(f *testing.F) {
	made, err := fabric.Create(filepath.Join(f.TempDir(), "data"), fabric.Params{TrustDomain: "tools.test", Zone: "home", Clock: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	if err := zone.EnsureTools(made, zone.DefaultBank); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(made.Dir, "tools.yaml")
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		string(whole), string(whole) + "---\n{}\n", "flies: {}\n", "files: {root: /etc}\n", "files: {root: '../..'}\n", "http: &a [*a]\n", "http:\n  - {tool: x, allow: {loopback: maybe}}\n",
		"a: &a [x]\nb: &b [*a,*a]\nhttp: *b\n", "files:\n  root: ~\n", "\x00", "",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := zone.ReadTools(made)
		if err != nil {
			if !errors.Is(err, zone.ErrTools) {
				t.Fatal(err)
			}
			return
		}
		digest, err := c.Digest()
		if err != nil || digest.IsZero() || !filepath.IsAbs(c.Files.Root) {
			t.Fatalf("%+v, %v", c, err)
		}
		c.Files.Root = made.FilesDir() // not the one that the input names
		tools, err := zone.OpenTools(c)
		if err != nil {
			if !errors.Is(err, zone.ErrTools) {
				t.Fatal(err)
			}
			return
		}
		if err := tools.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzBank: the books hold transfers alone, and one for each intent.
func FuzzBank(f *testing.F) {
	for _, text := range []string{
		`{"to":"acme","amount":250,"currency":"EUR"}`, `{"to":"acme","amount":-1,"currency":"EUR"}`, `{"to":"acme","amount":1e3,"currency":"EUR"}`, `{"to":"acme","amount":9223372036854775808,"currency":"EUR"}`,
		`{"TO":"acme","amount":1,"currency":"EUR"}`, `{"to":"acme","to":"eve","amount":1,"currency":"EUR"}`, `{"to":"acme","amount":1,"currency":"EUR","intent":"x"}`, `null`, `[]`, ``,
	} {
		f.Add("aa", []byte(text))
	}
	bank, err := zone.StartBank(f.Context(), "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(bank.Close)
	n := 0
	f.Fuzz(func(t *testing.T, intent string, body []byte) {
		n++
		intent = fmt.Sprintf("%d-%x", n, intent)
		before := len(bank.Transfers())
		for try := range 2 {
			status := post(t, bank.URL(), intent, string(body))
			if want := map[int]int{http.StatusCreated: 1, http.StatusOK: 1}[status]; len(bank.Transfers())-before != want || status == http.StatusCreated && try == 1 {
				t.Fatalf("%q, time %d: status %d, and %d more in the books", body, try, status, len(bank.Transfers())-before)
			}
		}
		if all := bank.Transfers(); len(all) > before {
			if last := all[len(all)-1]; last.Amount < 0 || last.To == "" || last.Currency == "" || last.Intent != intent {
				t.Fatalf("%q is booked as %+v", body, last)
			}
		}
	})
}

func post(t *testing.T, url, intent, body string) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Portcullis-Intent", intent)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}
