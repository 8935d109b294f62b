package extauthz_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/portcullis-dev/portcullis/gateway/extauthz"
	"github.com/portcullis-dev/portcullis/gateway/proxy"
	"github.com/portcullis-dev/portcullis/gateway/proxy/proxytest"
)

// envoy asks as an Envoy does, over gRPC.
type envoy struct {
	t *testing.T
	w *proxytest.World
	c authv3.AuthorizationClient
}

func open(t *testing.T) *envoy {
	t.Helper()
	w := proxytest.New(t)
	service, err := extauthz.New(extauthz.Config{Gateway: w.Gateway, Table: w.Table, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	server := service.GRPC()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &envoy{t: t, w: w, c: authv3.NewAuthorizationClient(conn)}
}

func payment(body string, headers map[string]string) *authv3.AttributeContext_HttpRequest {
	all := map[string]string{":method": "POST", ":path": "/accounts/acme/payments", "content-type": "application/json", "content-length": strconv.Itoa(len(body))}
	maps.Copy(all, headers)
	return &authv3.AttributeContext_HttpRequest{Method: "POST", Path: "/accounts/acme/payments", Headers: all, RawBody: []byte(body)}
}

func (e *envoy) check(r *authv3.AttributeContext_HttpRequest) *authv3.CheckResponse {
	e.t.Helper()
	got, err := e.c.Check(e.t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: r}}})
	must(e.t, err)
	return got
}

func isOK(r *authv3.CheckResponse) bool {
	return r.GetStatus().GetCode() == int32(codes.OK) && r.GetOkResponse() != nil
}

const order = `{"amount":7,"to":"bob"}`

// TestAdmitted: Envoy may forward what was permitted, without the headers that no
// policy saw, and with the permit's.
func TestAdmitted(t *testing.T) {
	e := open(t)
	got := e.check(payment(order, map[string]string{"x-tenant": "t1", "x-other": "a, b", "cookie": "c=1", "portcullis-intent": "forged", "x-request-id": "1", "x-forwarded-proto": "http"}))
	if !isOK(got) {
		t.Fatal(got)
	}
	if removed := got.GetOkResponse().GetHeadersToRemove(); !slices.Equal(removed, []string{"cookie", "x-other"}) {
		t.Errorf("Envoy takes away %v", removed)
	}
	for _, h := range got.GetOkResponse().GetHeaders() {
		if h.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD || h.GetHeader().GetValue() == "" {
			t.Errorf("the API gets %v", h)
		}
	}
	raw := payment(order, nil)
	raw.Headers = nil
	raw.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "content-type", Value: "application/json"}, {Key: "x-tenant", RawValue: []byte("a, b")}}}
	if got := e.check(raw); !isOK(got) {
		t.Errorf("headers one by one: %v", got)
	}
}

// TestDenied: the answer of a denial has its reasons; what is no call is denied before
// anything is proposed.
func TestDenied(t *testing.T) {
	e := open(t)
	for name, test := range map[string]struct {
		request *authv3.AttributeContext_HttpRequest
		status  int
		verdict string
	}{
		"policy":            {payment(`{"amount":101,"to":"bob"}`, nil), 403, "DENY"},
		"nothing":           {nil, 400, ""},
		"no route":          {&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/admin"}, 404, ""},
		"dot dot":           {&authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/accounts/.."}, 400, ""},
		"body not sent":     {func() *authv3.AttributeContext_HttpRequest { r := payment(order, nil); r.RawBody = nil; return r }(), 400, ""},
		"a part of it":      {payment(order, map[string]string{"x-envoy-auth-partial-body": "true"}), 400, ""},
		"another length":    {payment(order, map[string]string{"content-length": "5"}), 400, ""},
		"two lengths":       {payment(order, map[string]string{"content-length": "23,23"}), 400, ""},
		"tenant twice":      {payment(order, map[string]string{"x-tenant": "a,b"}), 400, ""},
		"method override":   {payment(order, map[string]string{"x-http-method-override": "DELETE"}), 400, ""},
		"names twice":       {payment(`{"amount":7,"to":"bob","amount":700}`, nil), 400, ""},
		"another kind":      {payment(order, map[string]string{"content-type": "text/plain"}), 415, ""},
		"asks for upgrade":  {payment(order, map[string]string{"upgrade": "websocket"}), 400, ""},
		"header with break": {payment(order, map[string]string{"x-tenant": "a\r\nb"}), 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := e.check(test.request)
			var p proxy.Problem
			must(t, json.Unmarshal([]byte(got.GetDeniedResponse().GetBody()), &p))
			if isOK(got) || got.GetStatus().GetCode() != int32(codes.PermissionDenied) || int(got.GetDeniedResponse().GetStatus().GetCode()) != test.status || p.Verdict != test.verdict {
				t.Errorf("%v", got)
			}
		})
	}
}

// TestHalted: under a halt nothing is admitted.
func TestHalted(t *testing.T) {
	e := open(t)
	if got := e.check(payment(order, nil)); !isOK(got) {
		t.Fatal(got)
	}
	e.w.Halt(t)
	got := e.check(payment(order, nil))
	var p proxy.Problem
	must(t, json.Unmarshal([]byte(got.GetDeniedResponse().GetBody()), &p))
	if isOK(got) || p.Verdict != "DENY" {
		t.Errorf("%v", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
