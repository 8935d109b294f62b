package world

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// operator is the brokers' operator, who asks who leads, of brokers of which some may be frozen or cut off. The product has no such
// command, so this speaks just enough of the client protocol by itself.
type operator struct {
	conn net.Conn
	in   *bufio.Reader
}

const operatorPatience = 5 * time.Second // for one answer of a broker that may be about to lose its leader

// operate connects the operator to one broker.
func (w *World) operate(b *Broker) (*operator, error) {
	o, err := w.Fabric.Operator()
	if err != nil {
		return nil, err
	}
	key, err := nkeys.FromSeed(o.NKeySeed)
	if err != nil {
		return nil, fmt.Errorf("world: %w", err)
	}
	defer key.Wipe()
	conn, err := (&net.Dialer{Timeout: operatorPatience}).DialContext(context.WithoutCancel(w.t.Context()), "tcp", strings.TrimPrefix(brokerURL(b.Host), "nats://"))
	if err != nil {
		return nil, fmt.Errorf("world: %w", err)
	}
	p := &operator{conn: conn, in: bufio.NewReader(conn)}
	if err := errors.Join(conn.SetDeadline(time.Now().Add(operatorPatience)), p.introduce(key)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return p, nil
}

// introduce answers the broker's challenge.
func (p *operator) introduce(key nkeys.KeyPair) error {
	line, err := p.in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("world: %w", err)
	}
	var info struct {
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil {
		return fmt.Errorf("world: a broker says %.80q: %w", line, err)
	}
	signature, err := key.Sign([]byte(info.Nonce))
	if err != nil {
		return fmt.Errorf("world: %w", err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return fmt.Errorf("world: %w", err)
	}
	_, err = fmt.Fprintf(p.conn, "CONNECT {\"verbose\":false,\"lang\":\"test\",\"version\":\"1\",\"nkey\":%q,\"sig\":%q}\r\nSUB answer 1\r\n",
		public, base64.RawURLEncoding.EncodeToString(signature))
	return err
}

// request asks once and reads the answer as JSON.
func (p *operator) request(subject string, answer any) error {
	if _, err := fmt.Fprintf(p.conn, "PUB %s answer 0\r\n\r\n", subject); err != nil {
		return fmt.Errorf("world: %w", err)
	}
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("world: %s: %w", subject, err)
		}
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "-ERR":
			return fmt.Errorf("world: %s: %s", subject, strings.TrimSpace(line))
		case words[0] == "PING":
			if _, err := io.WriteString(p.conn, "PONG\r\n"); err != nil {
				return fmt.Errorf("world: %w", err)
			}
		case words[0] == "MSG":
			size, err := strconv.Atoi(words[len(words)-1])
			if err != nil {
				return fmt.Errorf("world: %q: %w", line, err)
			}
			return json.NewDecoder(io.LimitReader(p.in, int64(size))).Decode(answer)
		}
	}
}

// ask asks the brokers that run, one after the other, until one answers.
func (w *World) ask(subject string, answer any) error {
	err := errors.New("world: no broker runs")
	for _, b := range w.Brokers {
		if !b.Running() {
			continue
		}
		if err = w.askAt(b, subject, answer); err == nil {
			return nil
		}
	}
	return err
}

// askAt asks one broker.
func (w *World) askAt(b *Broker, subject string, answer any) error {
	p, err := w.operate(b)
	if err != nil {
		return err
	}
	return errors.Join(p.request(subject, answer), p.conn.Close())
}

// told is what a broker, or whoever answers it, says of a stream when all is over.
func (w *World) told(b *Broker, stream string) string {
	if !b.Running() {
		return b.server() + " does not run"
	}
	var info json.RawMessage
	err := w.askAt(b, "$JS.API.STREAM.INFO."+stream, &info)
	return fmt.Sprintf("%s on %s: %s %v", b.server(), stream, info, err)
}

// ledgerStream is the name of the stream that holds the ledger.
func (w *World) ledgerStream() string { return "LEDGER_" + w.Fabric.Zone }

// streamInfo is the part that matters here of what a leader says of its stream.
type streamInfo struct {
	Cluster struct {
		Leader   string `json:"leader"`
		Replicas []struct {
			Current bool `json:"current"`
			Offline bool `json:"offline"`
		} `json:"replicas"`
	} `json:"cluster"`
}

// Leader waits until the ledger has a leader, and returns it and the other brokers.
func (w *World) Leader() (leader *Broker, followers []*Broker) {
	w.t.Helper()
	var err error
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var info streamInfo
		if err = w.ask("$JS.API.STREAM.INFO."+w.ledgerStream(), &info); err != nil {
			continue
		}
		followers = nil
		for _, b := range w.Brokers {
			if b.server() == info.Cluster.Leader {
				leader = b
			} else {
				followers = append(followers, b)
			}
		}
		if leader != nil {
			return leader, followers
		}
	}
	w.t.Fatalf("the ledger has no leader for %v: %v", Patience, err)
	return nil, nil
}

// StepDown has the ledger's leader hand over to another broker.
func (w *World) StepDown() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), Patience)
	defer cancel()
	err := zone.StepDown(ctx, w.Fabric, w.at, []streams.Stream{streams.Ledger}, "", w.log, func(streams.Stream, streams.Handover) error { return nil })
	if err != nil {
		w.t.Fatalf("the leader does not step down: %v", err)
	}
}
