package jsonrpc_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

func TestParse(t *testing.T) {
	deep := func(n int) string {
		return `{"jsonrpc":"2.0","method":"m","params":` + strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) + "}"
	}
	for _, test := range []struct{ name, raw, refused string }{
		{"request", `{"jsonrpc":"2.0","id":1,"method":"m","params":{}}`, ""},
		{"notification", ` {"method":"m","jsonrpc":"2.0"} `, ""},
		{"result", `{"jsonrpc":"2.0","id":"a","result":null}`, ""},
		{"error", `{"jsonrpc":"2.0","id":null,"error":{}}`, ""},
		{"the largest id", `{"jsonrpc":"2.0","id":9007199254740991,"method":"m"}`, ""},
		{"a pair", `{"jsonrpc":"2.0","id":"\ud83d\ude00\\u","method":"m"}`, ""},
		{"as deep as may be", deep(63), ""},
		{"too deep", deep(64), "deeper than 64"},
		{"batch", ` [{"jsonrpc":"2.0","method":"m"}]`, "batches"},
		{"nothing", ``, "no JSON"},
		{"a text", `"x"`, "object is wanted"},
		{"two messages", `{"jsonrpc":"2.0","method":"m"}{}`, "no JSON"},
		{"a name twice, spelt otherwise", `{"jsonrpc":"2.0","method":"m","params":{"a":[{"b":1,"\u0062":2}]}}`, `"b" stands twice`},
		{"another case", `{"jsonrpc":"2.0","Method":"m"}`, `"Method" is none`},
		{"no version", `{"method":"m"}`, "jsonrpc"},
		{"another version", `{"jsonrpc":"2.00","method":"m"}`, "jsonrpc"},
		{"a request that answers", `{"jsonrpc":"2.0","id":1,"method":"m","result":1}`, "neither"},
		{"both answers", `{"jsonrpc":"2.0","id":1,"result":1,"error":{}}`, "neither"},
		{"nothing in it", `{"jsonrpc":"2.0","id":1}`, "neither"},
		{"an answer to nothing", `{"jsonrpc":"2.0","result":1}`, "names no request"},
		{"an answer with params", `{"jsonrpc":"2.0","id":1,"result":1,"params":{}}`, "no params"},
		{"params that are a list", `{"jsonrpc":"2.0","id":1,"method":"m","params":[]}`, "no object"},
		{"id null", `{"jsonrpc":"2.0","id":null,"method":"m"}`, "id is neither"},
		{"id with a point", `{"jsonrpc":"2.0","id":1.0,"method":"m"}`, "id is neither"},
		{"id with an exponent", `{"jsonrpc":"2.0","id":1e2,"method":"m"}`, "id is neither"},
		{"id minus zero", `{"jsonrpc":"2.0","id":-0,"method":"m"}`, "id is neither"},
		{"id beyond what every reader holds", `{"jsonrpc":"2.0","id":9007199254740993,"method":"m"}`, "id is neither"},
		{"id that is long", `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 300) + `","method":"m"}`, "id is neither"},
		{"no method", `{"jsonrpc":"2.0","id":1,"method":""}`, "method"},
		{"a method that is no text", `{"jsonrpc":"2.0","id":1,"method":7}`, "method"},
		{"half a pair", `{"jsonrpc":"2.0","id":"\ud83dx","method":"m"}`, "surrogate"},
		{"the other half", `{"jsonrpc":"2.0","id":"\ude00","method":"m"}`, "surrogate"},
		{"a pair of firsts", `{"jsonrpc":"2.0","id":"\ud83d\ud83d","method":"m"}`, "surrogate"},
		{"no UTF-8", "{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}", "UTF-8"},
		{"too long", `{"jsonrpc":"2.0","method":"m","params":{"a":"` + strings.Repeat("x", 5000) + `"}}`, "more than 4096 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := jsonrpc.Parse([]byte(test.raw), 4096)
			switch {
			case test.refused == "" && (err != nil || string(m.Raw) != strings.TrimSpace(test.raw)):
				t.Errorf("%s, %v", m.Raw, err)
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("got %v, want %q", err, test.refused)
			}
		})
	}
}

// TestARefusalNamesItsMessage as far as its id could be read.
func TestARefusalNamesItsMessage(t *testing.T) {
	for raw, want := range map[string]string{
		`{"jsonrpc":"1.0","id":"x","method":"m"}`: `{"error":{"code":-32600,"message":"jsonrpc is not \"2.0\""},"id":"x","jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1.5,"method":"m"}`: `{"error":{"code":-32600,"message":"id is neither a text nor a whole number"},"id":null,"jsonrpc":"2.0"}`,
	} {
		m, err := jsonrpc.Parse([]byte(raw), 4096)
		if got := string(jsonrpc.Refusal(m.ID, err)); got != want {
			t.Errorf("%s: %s", raw, got)
		}
	}
}

func TestKey(t *testing.T) {
	if jsonrpc.Key([]byte(`"a"`)) != jsonrpc.Key([]byte(`"\u0061"`)) || jsonrpc.Key([]byte(`"1"`)) == jsonrpc.Key([]byte(`1`)) {
		t.Error("ids are told apart by how they are written, or not by what they are")
	}
}

func TestCanonical(t *testing.T) {
	got, err := jsonrpc.Canonical([]byte(" { \"b\" : [ 1.50 , \"\\u003c\\/\" ] , \"a\" : { } }\n"))
	if err != nil || string(got) != `{"a":{},"b":[1.50,"</"]}` {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := jsonrpc.Canonical([]byte(`{"a":1,"a":1}`)); err == nil {
		t.Errorf("%s for a name that stands twice", got)
	}
}

func TestLines(t *testing.T) {
	l := jsonrpc.NewLines(strings.NewReader("a\n\n \r\n"+strings.Repeat("x", 100_000)+"\n b \r\nend without a newline"), 70_000)
	for _, want := range []string{"a", "long", "b", "end"} {
		line, err := l.Next()
		switch {
		case want == "long" && errors.Is(err, jsonrpc.ErrLong), want == "end" && errors.Is(err, io.EOF):
		case err != nil || string(line) != want:
			t.Errorf("got %q, %v, want %s", line, err, want)
		}
	}
}
