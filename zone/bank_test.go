package zone_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/zone"
)

func TestBank(t *testing.T) {
	bank, err := zone.StartBank(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer bank.Close()
	send := func(method, intent, body string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, bank.URL(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if intent != "" {
			request.Header.Set("Portcullis-Intent", intent)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	const transfer = `{"to":"acme","amount":250,"currency":"EUR"}`
	tests := []struct {
		name, method, intent, body string
		status, entries            int
	}{
		{"first", http.MethodPost, "aa", transfer, http.StatusCreated, 1},
		{"the same intent", http.MethodPost, "aa", transfer, http.StatusOK, 1},
		{"the same intent, another amount", http.MethodPost, "aa", `{"to":"acme","amount":9,"currency":"EUR"}`, http.StatusOK, 1},
		{"another intent", http.MethodPost, "bb", transfer, http.StatusCreated, 2},
		{"no intent", http.MethodPost, "", transfer, http.StatusCreated, 3},
		{"no intent again", http.MethodPost, "", transfer, http.StatusCreated, 4},
		{"not JSON", http.MethodPost, "cc", `to=acme`, http.StatusBadRequest, 4},
		{"negative", http.MethodPost, "cc", `{"to":"acme","amount":-1,"currency":"EUR"}`, http.StatusBadRequest, 4},
		{"nobody", http.MethodPost, "cc", `{"to":"","amount":1,"currency":"EUR"}`, http.StatusBadRequest, 4},
		{"unknown member", http.MethodPost, "cc", `{"to":"acme","amount":1,"currency":"EUR","from":"bob"}`, http.StatusBadRequest, 4},
		{"intent in the body", http.MethodPost, "cc", `{"to":"acme","amount":1,"currency":"EUR","intent":"aa"}`, http.StatusBadRequest, 4},
		{"two values", http.MethodPost, "cc", transfer + transfer, http.StatusBadRequest, 4},
		{"too large", http.MethodPost, "cc", `{"to":"` + strings.Repeat("a", 20<<10) + `","amount":1,"currency":"EUR"}`, http.StatusBadRequest, 4},
		{"another method", http.MethodDelete, "", "", http.StatusMethodNotAllowed, 4},
		{"read", http.MethodGet, "", "", http.StatusOK, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, body := send(test.method, test.intent, test.body)
			if n := len(bank.Transfers()); status != test.status || n != test.entries {
				t.Errorf("status %d and %d entries, and %d and %d are wanted: %s", status, n, test.status, test.entries, body)
			}
		})
	}
	_, body := send(http.MethodGet, "", "")
	var books struct{ Transfers []zone.Transfer }
	if err := json.Unmarshal([]byte(body), &books); err != nil || len(books.Transfers) != 4 || books.Transfers[0].Intent != "aa" || books.Transfers[0].Amount != 250 {
		t.Errorf("%v: %s", err, body)
	}
}

func TestBankAddresses(t *testing.T) {
	for _, address := range []string{"", "4280", "0.0.0.0:0", "[::]:0", "localhost:0", "192.0.2.1:0", "127.0.0.1:99999"} {
		if bank, err := zone.StartBank(t.Context(), address); err == nil {
			t.Errorf("it listens on %q", address)
			bank.Close()
		}
	}
}
