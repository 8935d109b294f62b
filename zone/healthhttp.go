package zone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// healthClient asks on this machine only: no proxy, nowhere else than told, and no
// connection is kept for a next time.
var healthClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: HealthPatience, MaxResponseHeaderBytes: healthAnswer},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       HealthPatience,
}

// AskBroker asks a NATS server's monitoring endpoint, such as
// http://127.0.0.1:8222, whether the server could store records: it takes clients,
// JetStream runs, and every stream and consumer that it holds is up with its
// leader. The error wraps ErrUnwell.
func AskBroker(ctx context.Context, base string) error {
	// The server answers one question at a time. Without the first, one whose
	// configuration has no JetStream would be well.
	for _, query := range []string{"?js-enabled-only=true", ""} {
		if err := askBroker(ctx, base, query); err != nil {
			return fmt.Errorf("%w: the broker: %w", ErrUnwell, err)
		}
	}
	return nil
}

func askBroker(ctx context.Context, base, query string) error {
	status, body, err := askHTTP(ctx, http.MethodGet, base, "/healthz"+query, "")
	if err != nil {
		return err
	}
	var told struct{ Status, Error string }
	if err := json.Unmarshal(body, &told); err != nil {
		return fmt.Errorf("status %d, and not the JSON of a NATS server: %w", status, err)
	}
	if status != http.StatusOK || told.Status != "ok" || told.Error != "" {
		return fmt.Errorf("status %d: %s: %s", status, told.Status, told.Error)
	}
	return nil
}

// AskWitness asks a witness, at an address such as http://127.0.0.1:7380, to cosign
// what is no checkpoint, and expects the refusal that C2SP tlog-witness prescribes.
// That shows a witness that judges what it is shown; what its disk takes shows only
// when it cosigns. The error wraps ErrUnwell.
func AskWitness(ctx context.Context, base string) error {
	const nothing = "no checkpoint\n"
	status, _, err := askHTTP(ctx, http.MethodPost, base, "/add-checkpoint", nothing)
	if err == nil && status != http.StatusBadRequest {
		err = fmt.Errorf("it answers what is no checkpoint with status %d, not %d", status, http.StatusBadRequest)
	}
	if err != nil {
		return fmt.Errorf("%w: the witness: %w", ErrUnwell, err)
	}
	return nil
}

func askHTTP(ctx context.Context, method, base, path, body string) (status int, answer []byte, err error) {
	if err := onLoopback(base); err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base, "/")+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	resp, err := healthClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, healthAnswer+1))
	if err == nil && len(answer) > healthAnswer {
		err = fmt.Errorf("it says more than %d bytes", healthAnswer)
	}
	return resp.StatusCode, answer, err
}

// onLoopback demands an address of this machine: another machine's health says
// nothing about the part that runs here.
func onLoopback(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("%q is no address: %w", base, err)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "http" || ip == nil || !ip.IsLoopback() || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return errors.New("its address must be one of this machine, such as http://127.0.0.1:8222")
	}
	return nil
}
