package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

// The checks run when all settings are filled, so that one may look at another.
// Each returns what is wrong with the value, without its name.

// oneOf names the nearest allowed word.
func oneOf[S ~string](value *S, allowed ...S) func() error {
	return func() error {
		if slices.Contains(allowed, *value) {
			return nil
		}
		var words []string
		for _, w := range allowed {
			if w != "" {
				words = append(words, string(w))
			}
		}
		if near := aim.Nearest(string(*value), words); near != "" {
			return fmt.Errorf("is not known; did you mean %q?", near)
		}
		return fmt.Errorf("is not known; use one of %s", strings.Join(words, ", "))
	}
}

func given(value *string) func() error {
	return func() error {
		if *value == "" {
			return errors.New("may not be empty")
		}
		return nil
	}
}

// folder makes the path absolute: daemons and their children must mean the same.
func folder(value *string) func() error {
	return func() error {
		if *value == "" {
			return errors.New("may not be empty")
		}
		abs, err := filepath.Abs(*value)
		if err != nil {
			return fmt.Errorf("is no path: %w", err)
		}
		*value = abs
		return nil
	}
}

// hostPort looks at the form alone; whether anybody is there is for doctor.
func hostPort(value *string) func() error {
	return func() error {
		_, number, err := net.SplitHostPort(*value)
		if err != nil {
			return errors.New("is not host:port")
		}
		if p, err := strconv.Atoi(number); err != nil || p < 0 || p > 65535 {
			return fmt.Errorf("has no port: %q is not a number from 0 to 65535", number)
		}
		return nil
	}
}

// frontends is hostPort for one or several with commas, or dns:///name:port.
func frontends(value *string) func() error {
	return func() error {
		for one := range strings.SplitSeq(strings.TrimPrefix(*value, "dns:///"), ",") {
			one = strings.TrimSpace(one)
			if err := hostPort(&one)(); err != nil {
				return fmt.Errorf("%w: %q (one host:port, several with commas, or dns:///NAME:PORT)", err, one)
			}
		}
		return nil
	}
}

func hostPortOrNone(value *string) func() error {
	return func() error {
		if *value == "" {
			return nil
		}
		return hostPort(value)()
	}
}

// loopbackOrNone is for what has no encryption of its own.
func loopbackOrNone(value *string) func() error {
	return func() error {
		if *value == "" {
			return nil
		}
		if err := hostPort(value)(); err != nil {
			return err
		}
		host, _, _ := net.SplitHostPort(*value) // checked above
		if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
			return errors.New("is not on loopback, and the administration has no encryption of its own; use 127.0.0.1 and reach it through a tunnel or a proxy with TLS")
		}
		return nil
	}
}

func storeAddress(value *string) func() error {
	return func() error {
		if *value == "" || strings.HasPrefix(*value, "sqlite:/") || strings.HasPrefix(*value, "postgres://") || strings.HasPrefix(*value, "postgresql://") {
			return nil
		}
		return errors.New("is neither sqlite:/path/to/store.db nor postgres://user@host/database")
	}
}

func positiveCount(value *int) func() error {
	return func() error {
		if *value <= 0 {
			return errors.New("must be more than nothing")
		}
		return nil
	}
}

func address(value *string) func() error {
	return func() error {
		if *value == "" {
			return nil
		}
		if _, err := netip.ParseAddr(*value); err != nil {
			return errors.New("is not an IP address")
		}
		return nil
	}
}

// natsURL takes one server or several with commas, as NATS clients do.
func natsURL(value *string) func() error {
	return func() error {
		for one := range strings.SplitSeq(*value, ",") {
			u, err := url.Parse(strings.TrimSpace(one))
			if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
				return errors.New("is not a NATS address such as nats://host:4222")
			}
		}
		return nil
	}
}

func httpURL(value *string) func() error {
	return func() error {
		if *value == "" {
			return nil
		}
		u, err := url.Parse(*value)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return errors.New("is not an http or https address")
		}
		return nil
	}
}

// secretRef keeps values out of files and process lists.
func secretRef(value *string) func() error {
	return func() error {
		if *value == "" {
			return nil
		}
		return aim.CheckSecretRef(*value)
	}
}

// secretRefs takes references, where a trailing * stands for the rest of one.
func secretRefs(values *[]string) func() error {
	return func() error {
		for _, ref := range *values {
			if ref == "env:*" || ref == "file:/*" {
				continue // all of a kind
			}
			if err := aim.CheckSecretRef(strings.TrimSuffix(ref, "*")); err != nil {
				return err
			}
		}
		return nil
	}
}

func label(value *string) func() error {
	return func() error {
		if !aim.IsLabel(*value) {
			return fmt.Errorf("is not a DNS label; try %q", aim.NameOf(*value))
		}
		return nil
	}
}

func positive(value *time.Duration) func() error {
	return func() error {
		if *value <= 0 {
			return errors.New("must be longer than nothing")
		}
		return nil
	}
}

// backendCommands needs a program for every backend that is named.
func backendCommands(value *map[string][]string) func() error {
	return func() error {
		for backend, words := range *value {
			if !slices.Contains(aim.Backends(), backend) {
				return fmt.Errorf("names %q, which is no backend; use %s", backend, strings.Join(aim.Backends(), ", "))
			}
			if len(words) == 0 {
				return fmt.Errorf("has no program for %s", backend)
			}
		}
		return nil
	}
}

// imageRules takes entries of the list of images that may run.
func imageRules(values *[]string) func() error {
	return func() error {
		for _, v := range *values {
			if _, err := container.ParseImageRule(v); err != nil {
				return err
			}
		}
		return nil
	}
}
