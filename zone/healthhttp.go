package zone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// healthClient asks on this machine only: no proxy, nowhere else than told, and no
// connection is kept for a next time. With roots it asks over TLS.
func healthClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, ResponseHeaderTimeout: HealthPatience, MaxResponseHeaderBytes: healthAnswer,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       HealthPatience,
	}
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
	status, body, err := askHTTP(ctx, nil, http.MethodGet, base, "/healthz"+query, "")
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
	status, _, err := askHTTP(ctx, nil, http.MethodPost, base, "/add-checkpoint", nothing)
	if err == nil && status != http.StatusBadRequest {
		err = fmt.Errorf("it answers what is no checkpoint with status %d, not %d", status, http.StatusBadRequest)
	}
	if err != nil {
		return fmt.Errorf("%w: the witness: %w", ErrUnwell, err)
	}
	return nil
}

// AskConsole asks a console, at an address such as http://127.0.0.1:4290, what it is.
// With roots it asks over TLS, such as https://127.0.0.1:4290. That shows a console
// that answers; what it knows of the ledger its pages tell. The error wraps ErrUnwell.
func AskConsole(ctx context.Context, base string, roots *x509.CertPool) error {
	status, body, err := askHTTP(ctx, roots, http.MethodGet, base, "/api/v1/about", "")
	if err == nil {
		err = isConsole(status, body)
	}
	if err != nil {
		return fmt.Errorf("%w: the console: %w", ErrUnwell, err)
	}
	return nil
}

func isConsole(status int, body []byte) error {
	var about struct{ Version string }
	if err := json.Unmarshal(body, &about); err != nil {
		return fmt.Errorf("status %d, and not the JSON of a console: %w", status, err)
	}
	if status != http.StatusOK || about.Version == "" {
		return fmt.Errorf("status %d, version %q: no console answers so", status, about.Version)
	}
	return nil
}

// askHTTP asks once; over TLS if there are roots.
func askHTTP(ctx context.Context, roots *x509.CertPool, method, base, path, body string) (status int, answer []byte, err error) {
	scheme := "http"
	if roots != nil {
		scheme = "https"
	}
	if err := onLoopback(base, scheme); err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base, "/")+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	resp, err := healthClient(roots).Do(req)
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
func onLoopback(base, scheme string) error {
	u, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("%q is no address: %w", base, err)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != scheme || ip == nil || !ip.IsLoopback() || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("its address must be one of this machine, such as %s://127.0.0.1:8222", scheme)
	}
	return nil
}
