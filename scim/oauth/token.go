package oauth

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/login"
	"github.com/rollcall-id/rollcall/web"
)

const (
	maxBody           = 64 << 10
	clientCredentials = "client_credentials"
	formType          = "application/x-www-form-urlencoded"
)

// token gives an access token to a client that shows its secret. A scope that is asked for is ignored, and parameters in the URL
// too, where some clients put it.
//
// RFC 6749, section 4.4.
func (d *Door) token(w http.ResponseWriter, r *http.Request) (any, error) {
	form, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	id, secret, err := credentials(r, form)
	if err != nil {
		return nil, err
	}
	actor, err := d.admit(r, id, secret)
	if err != nil {
		return nil, err
	}
	switch form.Get("grant_type") {
	case clientCredentials:
	case "":
		return nil, &oauthError{invalidRequest, "grant_type is missing"}
	default:
		return nil, &oauthError{unsupportedGrantType, "the only grant_type is client_credentials"}
	}
	token, err := d.Login.Issue(r.Context(), web.BaseURL(d.BaseURL, r), actor)
	return map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(directory.AccessTokenLife.Seconds()), "scope": login.Scope,
	}, err
}

// admit finds out who asks.
func (d *Door) admit(r *http.Request, id, secret string) (directory.Actor, error) {
	record := web.RecordOf(r.Context())
	actor, err := d.Login.Client(r.Context(), id, secret)
	record.Connection, record.TokenID = actor.ConnName, string(actor.Token)
	actor.Request = record.RequestID
	if err == nil {
		return actor, d.issued.Take(actor.Token)
	}
	if e, ok := errors.AsType[*login.Refused](err); ok {
		record.Reason, record.Connection, record.TokenID = e.Reason, e.Connection, string(e.Token)
		if limited := d.Failures.Take(web.AddressKey(record.Client)); limited != nil {
			return actor, limited
		}
	}
	return actor, err
}

// readForm reads the body. No parameter may come twice.
//
// RFC 6749, section 3.2.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if sent := r.Header.Get("Content-Type"); sent != "" {
		if media, _, err := mime.ParseMediaType(sent); err != nil || media != formType {
			return nil, &oauthError{invalidRequest, "the body must be " + formType}
		}
	}
	if err := web.LimitBody(w, r, maxBody); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &oauthError{invalidRequest, "the body is not well encoded"}
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, &oauthError{invalidRequest, "a parameter comes twice"}
		}
	}
	return form, nil
}

// credentials reads id and secret from the header or from the body.
//
// RFC 6749, section 2.3.1.
func credentials(r *http.Request, form url.Values) (id, secret string, err error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return form.Get("client_id"), form.Get("client_secret"), nil
	}
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", &oauthError{invalidRequest, "the Authorization header must be Basic"}
	}
	if form.Has("client_secret") {
		return "", "", &oauthError{invalidRequest, "the secret comes in the header and in the body: send one of them"}
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", &oauthError{invalidRequest, "the Authorization header is not well encoded"}
	}
	id, secret, _ = strings.Cut(string(plain), ":")
	for _, part := range []*string{&id, &secret} {
		if *part, err = url.QueryUnescape(*part); err != nil {
			return "", "", &oauthError{invalidRequest, "the Authorization header is not well encoded"}
		}
	}
	if other := form.Get("client_id"); other != "" && other != id {
		return "", "", &oauthError{invalidRequest, "header and body name different clients"}
	}
	return id, secret, nil
}
