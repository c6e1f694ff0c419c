package monitoring

import (
	"encoding/json"
	"strings"
)

// Dashboard is a page of rows.
type Dashboard struct {
	UID, Title string
	Variables  []Variable
	Rows       []Row
}

// Variable is a label whose value the reader chooses; all by default.
type Variable struct {
	Name   string // of the label and of the variable
	Metric string // the series that have it
}

// Row is a heading with panels below it.
type Row struct {
	Title  string
	Panels []Panel
}

// Kind is how a panel draws.
type Kind string

// The kinds, with Grafana's names.
const (
	Lines  Kind = "timeseries"
	Number Kind = "stat"
	Bars   Kind = "bargauge"
)

// Unit is what a value is counted in, with Grafana's names.
type Unit string

// Prometheus has base units alone, and so have the panels.
const (
	Count     Unit = "short"
	PerSecond Unit = "ops"
	Seconds   Unit = "s"
	Bytes     Unit = "bytes"
	Fraction  Unit = "percentunit" // 0 to 1
)

// Panel answers one question.
type Panel struct {
	Title   string
	Help    string // what it means, and what to do when it looks bad
	Kind    Kind
	Unit    Unit
	Queries []Query
}

// Query is an expression, and how its series are called: {{label}}.
type Query struct{ Expr, Legend string }

const (
	schemaVersion = 39 // of Grafana 11; newer ones migrate it
	columns       = 24 // of Grafana's grid
	perRow        = 3
	panelHeight   = 8
	source        = "${datasource}"
)

type object map[string]any

// JSON is the dashboard as Grafana provisions it.
func (d Dashboard) JSON() []byte {
	var panels []object
	id, y := 0, 0
	for _, r := range d.Rows {
		id++
		panels = append(panels, object{"id": id, "type": "row", "title": r.Title, "collapsed": false, "panels": []object{},
			"gridPos": position(0, y, columns, 1)})
		y++
		for i, p := range r.Panels {
			id++
			panels = append(panels, p.json(id, position(i%perRow*columns/perRow, y+i/perRow*panelHeight, columns/perRow, panelHeight)))
		}
		y += (len(r.Panels) + perRow - 1) / perRow * panelHeight
	}
	page := object{
		"uid": d.UID, "title": d.Title, "tags": []string{"aim"}, "schemaVersion": schemaVersion, "editable": true, "refresh": "10s",
		"time": object{"from": "now-1h", "to": "now"}, "timezone": "browser", "templating": object{"list": d.variables()}, "panels": panels,
		"links": []object{{"type": "dashboards", "tags": []string{"aim"}, "title": "AIM Engine", "asDropdown": true, "keepTime": true, "includeVars": true}},
	}
	text, _ := json.MarshalIndent(page, "", " ") // strings, numbers and lists only
	return append(text, '\n')
}

func position(x, y, w, h int) object { return object{"x": x, "y": y, "w": w, "h": h} }

func (d Dashboard) variables() []object {
	all := []object{{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}}
	for _, v := range d.Variables {
		query := "label_values(" + v.Metric + ", " + v.Name + ")"
		all = append(all, object{
			"name": v.Name, "type": "query", "datasource": prometheus(), "definition": query, "refresh": 2, "sort": 1,
			"query": object{"query": query, "refId": "variable"}, "multi": true, "includeAll": true, "allValue": ".*",
			"current": object{"text": "All", "value": "$__all"},
		})
	}
	return all
}

func prometheus() object { return object{"type": "prometheus", "uid": source} }

func (p Panel) json(id int, at object) object {
	var targets []object
	for i, q := range p.Queries {
		targets = append(targets, object{"refId": string(rune('A' + i)), "datasource": prometheus(), "expr": q.Expr, "legendFormat": q.Legend,
			"instant": p.Kind != Lines, "range": p.Kind == Lines})
	}
	return object{
		"id": id, "type": string(p.Kind), "title": p.Title, "description": p.Help, "datasource": prometheus(), "gridPos": at, "targets": targets,
		"fieldConfig": object{"defaults": object{"unit": string(p.Unit), "min": 0}, "overrides": []object{}},
	}
}

// Ask is the expression for all values of the variables, as a reader sees it who has
// chosen nothing.
func (q Query) Ask(variables []Variable) string {
	expr := strings.ReplaceAll(q.Expr, "$__rate_interval", "1m")
	for _, v := range variables {
		expr = strings.ReplaceAll(expr, "$"+v.Name, ".*")
	}
	return expr
}
