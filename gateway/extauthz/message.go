package extauthz

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// partial is the header by which Envoy says that it did not send the whole body.
const partial = "x-envoy-auth-partial-body"

func fault(text string) error {
	return &mapping.Fault{Status: http.StatusBadRequest, Text: text}
}

// message is the request that Envoy asks about. Envoy joins the values of a header
// that stands twice with commas, unless it sends the headers one by one
// (encode_raw_headers); which commas are whose, nobody knows then.
func message(r *authv3.AttributeContext_HttpRequest) (mapping.Message, error) {
	h := headers(r)
	body, err := body(r, h)
	return mapping.Message{Method: r.GetMethod(), Target: r.GetPath(), Header: h, Body: body}, err
}

func headers(r *authv3.AttributeContext_HttpRequest) http.Header {
	h := http.Header{}
	add := func(name, value string) {
		if !strings.HasPrefix(name, ":") { // method, path, authority: fields of their own
			h.Add(name, value)
		}
	}
	for name, value := range r.GetHeaders() {
		add(name, value)
	}
	if len(r.GetHeaders()) == 0 {
		for _, one := range r.GetHeaderMap().GetHeaders() {
			value := one.GetValue()
			if value == "" {
				value = string(one.GetRawValue())
			}
			add(one.GetKey(), value)
		}
	}
	return h
}

// lists are headers that may be a list, or hold a date.
var lists = []string{"Accept", "Accept-Language", "If-Match", "If-Modified-Since", "If-None-Match", "If-Unmodified-Since", "Range"}

// joined refuses a call one of whose headers may have stood twice.
func joined(r *authv3.AttributeContext_HttpRequest, call mapping.Call) error {
	for name, values := range call.Header {
		if len(r.GetHeaders()) > 0 && !slices.Contains(lists, name) && strings.Contains(values[0], ",") {
			return fault("the header " + name + " has a comma, or stood twice; have Envoy send headers one by one (encode_raw_headers: true)")
		}
	}
	return nil
}

// body is the whole of it, or a fault.
func body(r *authv3.AttributeContext_HttpRequest, h http.Header) ([]byte, error) {
	text := r.GetRawBody()
	if len(text) == 0 {
		text = []byte(r.GetBody())
	}
	if h.Get(partial) == "true" {
		return nil, fault("Envoy sent a part of the body only; raise max_request_bytes")
	}
	if lengths := h.Values("Content-Length"); len(lengths) > 0 {
		if n, err := strconv.Atoi(lengths[0]); len(lengths) > 1 || err != nil || n != len(text) {
			return nil, fault("Envoy sent another body than the request's; set with_request_body, without allow_partial_message")
		}
	}
	return text, nil
}
