package extauthz

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/proxy"
	"github.com/portcullis-dev/portcullis/gateway/proxy/forward"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// admitted lets Envoy forward what was decided on: headers that the route does not
// name are taken away, and the API learns of the permit.
func admitted(call mapping.Call, m mapping.Message, a executor.Action) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers:         []*corev3.HeaderValueOption{header(forward.IntentHeader, a.Digest.String()), header(forward.FencingHeader, strconv.FormatUint(a.Token, 10))},
			HeadersToRemove: unnamed(call, m),
		}},
	}
}

// ofEnvoy are headers that Envoy itself needs, or makes.
var ofEnvoy = []string{"connection", "content-length", "host", "te", "traceparent", "tracestate", "transfer-encoding", "x-request-id"}

// unnamed are a request's headers that are not forwarded.
func unnamed(call mapping.Call, m mapping.Message) []string {
	var out []string
	for name := range m.Header {
		low := strings.ToLower(name)
		_, named := call.Header[name]
		own := low == strings.ToLower(forward.IntentHeader) || low == strings.ToLower(forward.FencingHeader) // overwritten
		if !named && !own && !slices.Contains(ofEnvoy, low) && !strings.HasPrefix(low, "x-envoy-") && !strings.HasPrefix(low, "x-forwarded-") {
			out = append(out, low)
		}
	}
	slices.Sort(out)
	return out
}

// denied refuses with a problem as the body.
func denied(p proxy.Problem) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(codes.PermissionDenied), Message: p.Title},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: statusOf(p.Status)},
			Headers: []*corev3.HeaderValueOption{header("Content-Type", proxy.ProblemType), header("Cache-Control", "no-store")},
			Body:    string(p.JSON()),
		}},
	}
}

// statusOf is a status that Envoy has; 403 for others.
func statusOf(code int) typev3.StatusCode {
	if _, known := typev3.StatusCode_name[int32(code)]; known && code >= http.StatusBadRequest { //nolint:gosec // of three digits
		return typev3.StatusCode(code) //nolint:gosec // as above
	}
	return typev3.StatusCode_Forbidden
}

func header(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header: &corev3.HeaderValue{Key: name, Value: value}, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
