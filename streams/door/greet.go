package door

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/nats-io/nkeys"
)

const (
	greetWithin = 5 * time.Second // for all that comes before the client's CONNECT has been read
	maxInfo     = 64 << 10        // bytes of the server's INFO line
)

// hello is what the door needs of a client's CONNECT.
type hello struct {
	Key       string `json:"nkey"`
	Signature string `json:"sig"`
}

// greet lets the server's INFO out, starts TLS, and reads the CONNECT, which it
// returns as it came, with who has proved to be there.
func (v *visit) greet() (connect []byte, who *guest, err error) {
	deadline := time.Now().Add(greetWithin)
	if err := errors.Join(v.client.SetDeadline(deadline), v.server.SetDeadline(deadline)); err != nil {
		return nil, nil, err
	}
	fromServer := bufio.NewReader(v.server)
	info, err := readLine(fromServer, "INFO", maxInfo)
	if err != nil {
		return nil, nil, fmt.Errorf("the server's greeting: %w", err)
	}
	nonce, shown, err := readInfo(info, v.door.cfg.TLS != nil)
	if err != nil {
		return nil, nil, fmt.Errorf("the server's greeting: %w", err)
	}
	if _, err := v.client.Write(shown); err != nil {
		return nil, nil, errOver
	}
	if err := v.encrypt(); err != nil {
		return nil, nil, err
	}
	fromClient := bufio.NewReader(v.client)
	connect, err = readLine(fromClient, "CONNECT", maxLine)
	if err != nil {
		return nil, nil, fmt.Errorf("the client's CONNECT: %w", err)
	}
	v.fromServer, v.fromClient = rest(fromServer, v.server), rest(fromClient, v.client)
	if who, err = v.door.recognise(connect, nonce); err != nil {
		return nil, nil, err
	}
	return connect, who, errors.Join(v.client.SetDeadline(time.Time{}), v.server.SetDeadline(time.Time{}))
}

// encrypt puts TLS between the client and the door, if the door has it.
func (v *visit) encrypt() error {
	if v.door.cfg.TLS == nil {
		return nil
	}
	inside := tls.Server(v.client, v.door.cfg.TLS)
	ctx, cancel := context.WithTimeout(context.Background(), greetWithin)
	defer cancel()
	if err := inside.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	v.client = inside
	return nil
}

// readLine reads one line of at most some bytes that begins with a word.
func readLine(r *bufio.Reader, word string, most int) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > most {
			return nil, fmt.Errorf("it is longer than %d bytes", most)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, err
		case !bytes.EqualFold(line[:min(len(word), len(line))], []byte(word)):
			return nil, fmt.Errorf("it begins with %.16q, not with %s", line, word)
		default:
			return line, nil
		}
	}
}

// rest is what is still to come: what was read too early, then the connection.
func rest(r *bufio.Reader, c net.Conn) io.Reader {
	early, _ := r.Peek(r.Buffered()) // there by definition
	return io.MultiReader(bytes.NewReader(early), c)
}

// readInfo finds the nonce in a server's INFO, and returns the INFO to show to
// the client: where the door has TLS, it asks for it in the server's name.
func readInfo(line []byte, asksTLS bool) (nonce []byte, shown []byte, err error) {
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(line[len("INFO"):], &fields); err != nil {
		return nil, nil, err
	}
	var text string
	if err := json.Unmarshal(fields["nonce"], &text); err != nil || text == "" {
		return nil, nil, errors.New("it has no nonce to sign; the server must ask for NKeys")
	}
	if !asksTLS {
		return []byte(text), line, nil
	}
	fields["tls_required"] = json.RawMessage("true")
	delete(fields, "tls_available")
	object, err := json.Marshal(fields)
	if err != nil {
		return nil, nil, err
	}
	return []byte(text), fmt.Appendf(nil, "INFO %s\r\n", object), nil
}

// recognise finds out who sent a CONNECT: the guest whose key signed the nonce.
func (d *Door) recognise(connect, nonce []byte) (*guest, error) {
	var said hello
	if err := json.Unmarshal(connect[len("CONNECT"):], &said); err != nil {
		return nil, fmt.Errorf("%w: the CONNECT is not JSON: %w", errUnknown, err)
	}
	who := d.guest(said.Key)
	if who == nil {
		return nil, errUnknown
	}
	// The server too takes either alphabet.
	signature, err := base64.RawURLEncoding.DecodeString(said.Signature)
	if err != nil {
		if signature, err = base64.StdEncoding.DecodeString(said.Signature); err != nil {
			return nil, fmt.Errorf("%w: the signature is not base64", errUnknown)
		}
	}
	key, err := nkeys.FromPublicKey(said.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnknown, err)
	}
	if err := key.Verify(nonce, signature); err != nil {
		return nil, fmt.Errorf("%w: the signature over the server's nonce is not by it", errUnknown)
	}
	return who, nil
}

// refuse tells a client why it may not come in, in words that NATS clients know.
func refuse(client net.Conn, why error) {
	words := "Authorization Violation"
	if errors.Is(why, errTooMany) {
		words = "maximum account active connections exceeded"
	}
	_ = client.SetWriteDeadline(time.Now().Add(lastWords))
	_, _ = fmt.Fprintf(client, "-ERR '%s'\r\n", words)
}

// lastWords is how long a client has to read why its connection ends.
const lastWords = 2 * time.Second
