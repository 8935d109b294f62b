package door

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
)

// FuzzGreeting: whatever a server says first and a client answers, nobody is
// recognised but the guest whose key signed this server's nonce, and nothing is read
// beyond the length of a line.
func FuzzGreeting(f *testing.F) {
	const most = 1 << 10
	key, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		f.Fatal(err)
	}
	hello := func(nonce string) string {
		signature, err := key.Sign([]byte(nonce))
		if err != nil {
			f.Fatal(err)
		}
		return `CONNECT {"nkey":"` + public + `","sig":"` + base64.RawURLEncoding.EncodeToString(signature) + `"}` + "\r\n"
	}
	const info = "INFO {\"nonce\":\"first\"}\r\n"
	for _, connect := range []string{
		hello("first"), hello("second"), strings.Replace(hello("first"), "CONNECT", "connect", 1), strings.Replace(hello("first"), `"sig":"`, `"sig":"A`, 1),
		"CONNECT\r\n", "CONNECT {}\r\n", "PUB a 1\r\n", "CON", "CONNECT null\r\n", "CONNECT " + strings.Repeat(" ", most) + "{}\r\n",
	} {
		f.Add([]byte(info), []byte(connect))
	}
	for _, other := range []string{"INFO {}\r\n", "INFO {\"nonce\":\"\"}\r\n", "INFO null\r\n", "INFO\r\n", "info {\"nonce\":7}\r\n"} {
		f.Add([]byte(other), []byte(hello("first")))
	}
	d := &Door{guests: map[string]*guest{public: new(guest)}}
	f.Fuzz(func(t *testing.T, info, connect []byte) {
		line, err := readLine(bufio.NewReader(bytes.NewReader(info)), "INFO", most)
		if err != nil {
			return
		}
		nonce, shown, err := readInfo(line, true)
		if err != nil {
			return
		}
		if !json.Valid(shown[len("INFO"):]) || len(nonce) == 0 || len(line) > most {
			t.Fatalf("%q is shown as %q", line, shown)
		}
		said, err := readLine(bufio.NewReader(bytes.NewReader(connect)), "CONNECT", most)
		if err != nil {
			return
		}
		if who, err := d.recognise(said, nonce); err == nil && (who == nil || string(nonce) != "first" && string(nonce) != "second") {
			t.Fatalf("%q is recognised for the nonce %q", said, nonce)
		}
	})
}
