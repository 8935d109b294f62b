package access

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/oauth2"
)

// exchangeFailed says why a code was not redeemed, without the issuer's own words, in
// which there may be secrets.
func exchangeFailed(err error) error {
	var refused *oauth2.RetrieveError
	switch {
	case !errors.As(err, &refused):
		return fmt.Errorf("%w: its token endpoint", errIssuer)
	case refused.Response != nil && refused.Response.StatusCode >= 500:
		return fmt.Errorf("%w: its token endpoint says %s", errIssuer, refused.Response.Status)
	default:
		return fmt.Errorf("access: the issuer refuses the code (%s)", errorCode(refused.ErrorCode))
	}
}

// errorCode is one of those of RFC 6749, 4.1.2.1 and 5.2, and OpenID Connect Core,
// 3.1.2.6; whatever else an issuer, or a link, may say is not repeated.
func errorCode(given string) string {
	switch given {
	case "access_denied", "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "server_error", "temporarily_unavailable",
		"unauthorized_client", "unsupported_grant_type", "unsupported_response_type",
		"account_selection_required", "consent_required", "interaction_required", "login_required":
		return given
	default:
		return "for another reason"
	}
}

// maxWords bounds what is told of another's error.
const maxWords = 300

// without is what an error says, without secrets that it may repeat.
func without(err error, secrets ...string) string {
	text := err.Error()
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "…"
	}
	return text
}
