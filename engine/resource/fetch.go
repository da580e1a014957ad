package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// How long an answer may take, and how large it may be.
const (
	fetchLimit = 3 * time.Second
	fetchBytes = 16 << 20
)

// newClient returns a client that keeps no connections: a reading is rare, and what it
// reads may be busy. It goes to the address itself and through no proxy.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: fetchLimit}
}

// fetch returns the body of a good answer, and its content type.
func fetch(ctx context.Context, c *http.Client, address, accept string) (body []byte, kind string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", accept)
	answer, err := c.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", shown(req.URL), inner(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("read %s: the answer is %s", shown(req.URL), answer.Status)
	}
	body, err = io.ReadAll(io.LimitReader(answer.Body, fetchBytes+1))
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("read %s: %w", shown(req.URL), err)
	case len(body) > fetchBytes:
		return nil, "", fmt.Errorf("read %s: the answer has more than %d MiB", shown(req.URL), fetchBytes>>20)
	}
	return body, answer.Header.Get("Content-Type"), nil
}

// shown is a URL without what may be secret in it.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// inner is the error without the URL, which would be told twice, and with its secrets.
func inner(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		if e.Timeout() {
			return fmt.Errorf("no answer within %v", fetchLimit)
		}
		return e.Err
	}
	return err
}
