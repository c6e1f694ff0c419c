package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/limit"
	"github.com/aim-engine/aim/internal/store"
)

// Client asks control's administration.
type Client struct {
	URL   string // http://address:port
	Token string
	HTTP  *http.Client
}

// Refused is an answer that says no, in control's words.
type Refused struct {
	Status int
	Why    string
}

func (r *Refused) Error() string { return r.Why }

// do sends a request; into may be nil. The error is a *Refused, or says that control
// could not be asked and what to do.
func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	var from io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		from = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, from)
	if err != nil {
		return fmt.Errorf("ask control's administration at %s: %w", c.URL, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set(actorHeader, actor())
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("cannot reach control's administration at %s: %w; is control running there (setting admin.url)?", c.URL, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var said struct{ Error string }
		if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&said); err != nil || said.Error == "" {
			said.Error = resp.Status
		}
		return &Refused{resp.StatusCode, said.Error}
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of control's administration: %w", err)
	}
	return nil
}

// actor is who asks, for the audit log.
func actor() string {
	host, _ := os.Hostname()
	if u, err := user.Current(); err == nil {
		return u.Username + "@" + host
	}
	return strconv.Itoa(os.Getuid()) + "@" + host
}

// Snapshot waits until there is a newer one than after, or 20 s.
func (c *Client) Snapshot(ctx context.Context, after int64) (s access.Snapshot, err error) {
	return s, c.do(ctx, http.MethodGet, "/admin/v1/gateway?after="+strconv.FormatInt(after, 10), nil, &s)
}

// Draw asks for a part of a budget.
func (c *Client) Draw(ctx context.Context, d limit.Draw) (g limit.Grant, err error) {
	return g, c.do(ctx, http.MethodPost, "/admin/v1/draw", d, &g)
}

// AddUsage ships requests that are over.
func (c *Client) AddUsage(ctx context.Context, requests []store.Usage) error {
	return c.do(ctx, http.MethodPost, "/admin/v1/usage", requests, nil)
}

// SumUsage asks what was used.
func (c *Client) SumUsage(ctx context.Context, by store.Grouping, from, to time.Time) (sums []store.UsageSum, err error) {
	q := url.Values{"by": {string(by)}}
	if !from.IsZero() {
		q.Set("from", from.UTC().Format(time.RFC3339))
	}
	if !to.IsZero() {
		q.Set("to", to.UTC().Format(time.RFC3339))
	}
	return sums, c.do(ctx, http.MethodGet, "/admin/v1/usage?"+q.Encode(), nil, &sums)
}

// Keys lists the keys, without what opens the gateway.
func (c *Client) Keys(ctx context.Context) (all []access.Key, err error) {
	return all, c.do(ctx, http.MethodGet, "/admin/v1/keys", nil, &all)
}

// Key shows one.
func (c *Client) Key(ctx context.Context, name string) (k access.Key, err error) {
	return k, c.do(ctx, http.MethodGet, "/admin/v1/keys/"+url.PathEscape(name), nil, &k)
}

// CreateKey makes a key; ID, Hash and Created are filled in.
func (c *Client) CreateKey(ctx context.Context, k access.Key) (made NewKey, err error) {
	return made, c.do(ctx, http.MethodPost, "/admin/v1/keys", k, &made)
}

// RotateKey gives a key another secret.
func (c *Client) RotateKey(ctx context.Context, name string) (made NewKey, err error) {
	return made, c.do(ctx, http.MethodPost, "/admin/v1/keys/"+url.PathEscape(name)+"/rotate", nil, &made)
}

// RevokeKey takes a key away.
func (c *Client) RevokeKey(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/admin/v1/keys/"+url.PathEscape(name), nil, nil)
}

// Aliases lists the aliases.
func (c *Client) Aliases(ctx context.Context) (all []access.Alias, err error) {
	return all, c.do(ctx, http.MethodGet, "/admin/v1/aliases", nil, &all)
}

// SetAlias adds or replaces an alias.
func (c *Client) SetAlias(ctx context.Context, a access.Alias) error {
	return c.do(ctx, http.MethodPut, "/admin/v1/aliases/"+url.PathEscape(a.Name), a, nil)
}

// DeleteAlias takes an alias away.
func (c *Client) DeleteAlias(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/admin/v1/aliases/"+url.PathEscape(name), nil, nil)
}

// Audit reads up to 1,000 entries of the audit log after a number.
func (c *Client) Audit(ctx context.Context, after int64) (all []store.AuditEntry, err error) {
	return all, c.do(ctx, http.MethodGet, "/admin/v1/audit?after="+strconv.FormatInt(after, 10), nil, &all)
}

// VerifyAudit has the audit log checked.
func (c *Client) VerifyAudit(ctx context.Context) (v Verified, err error) {
	return v, c.do(ctx, http.MethodGet, "/admin/v1/audit/verify", nil, &v)
}

// IsRefused tells whether control answered and said no.
func IsRefused(err error) bool {
	var r *Refused
	return errors.As(err, &r)
}
