package cli

import (
	"github.com/aim-engine/aim/internal/admin"
	"github.com/aim-engine/aim/internal/settings"
)

// Admin is control's administration. The error is the command that makes one.
func (a *App) Admin() (*admin.Client, error) {
	s := a.Settings.Admin
	if s.URL == "" {
		return nil, Next(Failed("admin.url is not set: there is no administration to ask"), "aim up (it runs one), or AIM_ADMIN_URL=http://ADDRESS:PORT")
	}
	token, err := settings.Secret(s.Token)
	if err != nil {
		return nil, Next(Failed("the token of control's administration: %w", err), "aim up (it makes one), or set admin.token to env:NAME or file:/path")
	}
	return &admin.Client{URL: s.URL, Token: token}, nil
}

// AdminError words what control's administration has said.
func AdminError(doing string, err error) error {
	if err == nil {
		return nil
	}
	if admin.IsRefused(err) {
		return Failed("%s: %w", doing, err)
	}
	return Next(Failed("%s: %w", doing, err), "aim doctor")
}
