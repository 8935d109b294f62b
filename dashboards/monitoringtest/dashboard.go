package monitoringtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Dashboard is what of Grafana's dashboard model (schema version 39, Grafana 10.4 and
// later) our dashboards use, and no more: a key that is not here is a mistake.
type Dashboard struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	SchemaVersion int        `json:"schemaVersion"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"` // 1: all panels show one cursor
	Refresh       string     `json:"refresh"`
	Time          Range      `json:"time"`
	Timezone      string     `json:"timezone"`
	Links         []Link     `json:"links"`
	Templating    Templating `json:"templating"`
	Panels        []Panel    `json:"panels"`
}

// Range is what is shown at first.
type Range struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Link leads to the dashboards that have a tag.
type Link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
}

// Templating is what who looks may choose.
type Templating struct {
	List []Variable `json:"list"`
}

// Variable is one choice: of a data source, or of values of a label.
type Variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"` // datasource or query
	Datasource *Datasource `json:"datasource,omitempty"`
	Query      any         `json:"query"` // of a data source its kind, else a Choice
	Refresh    int         `json:"refresh"`
	Sort       int         `json:"sort,omitempty"`
	Multi      bool        `json:"multi"`
	IncludeAll bool        `json:"includeAll"`
	AllValue   string      `json:"allValue,omitempty"`
}

// Datasource names where to ask.
type Datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Panel is one picture.
type Panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Datasource  Datasource  `json:"datasource"`
	GridPos     GridPos     `json:"gridPos"`
	Targets     []Target    `json:"targets"`
	FieldConfig FieldConfig `json:"fieldConfig"`
	Options     Options     `json:"options"`
}

// GridPos is a place on a grid that is 24 columns wide.
type GridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

// Target is one expression: asked for the present alone, or for the whole range.
type Target struct {
	RefID        string `json:"refId"`
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	Instant      bool   `json:"instant"`
	Range        bool   `json:"range"`
}

// FieldConfig is how values are shown.
type FieldConfig struct {
	Defaults  Defaults   `json:"defaults"`
	Overrides []struct{} `json:"overrides"` // none: what needs one is two panels
}

// Defaults is how values are shown that nothing else is said about.
type Defaults struct {
	Unit       string      `json:"unit"`
	Decimals   *int        `json:"decimals,omitempty"`
	Min        *float64    `json:"min,omitempty"`
	NoValue    string      `json:"noValue"`
	Mappings   []Mapping   `json:"mappings"`
	Thresholds Thresholds  `json:"thresholds"`
	Color      *Color      `json:"color,omitempty"`
	Custom     *CustomDraw `json:"custom,omitempty"`
}

// Mapping gives words to values.
type Mapping struct {
	Type    string          `json:"type"` // value
	Options map[string]Word `json:"options"`
}

// Word is what a value is called.
type Word struct {
	Text  string `json:"text"`
	Color string `json:"color"`
	Index int    `json:"index"`
}

// Thresholds colour values from a bound on.
type Thresholds struct {
	Mode  string `json:"mode"` // absolute
	Steps []Step `json:"steps"`
}

// Step is a colour and where it begins; the first begins nowhere.
type Step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// Color says where colours come from.
type Color struct {
	Mode string `json:"mode"`
}

// CustomDraw is how lines are drawn.
type CustomDraw struct {
	DrawStyle   string `json:"drawStyle,omitempty"`
	LineWidth   int    `json:"lineWidth"`
	FillOpacity int    `json:"fillOpacity"`
	SpanNulls   bool   `json:"spanNulls"` // false: where nothing is known nothing is drawn
}

// Options is what is said about a kind of panel.
type Options struct {
	ReduceOptions *ReduceOptions `json:"reduceOptions,omitempty"`
	ColorMode     string         `json:"colorMode,omitempty"`
	GraphMode     string         `json:"graphMode,omitempty"`
	TextMode      string         `json:"textMode,omitempty"`
	Orientation   string         `json:"orientation,omitempty"`
	DisplayMode   string         `json:"displayMode,omitempty"`
	ShowValue     string         `json:"showValue,omitempty"`
	Legend        *Legend        `json:"legend,omitempty"`
	Tooltip       *Tooltip       `json:"tooltip,omitempty"`
}

// ReduceOptions makes one value of many.
type ReduceOptions struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}

// Legend names lines.
type Legend struct {
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	ShowLegend  bool     `json:"showLegend"`
	Calcs       []string `json:"calcs"`
}

// Tooltip is what is shown under the cursor.
type Tooltip struct {
	Mode string `json:"mode"`
	Sort string `json:"sort"`
}

// ReadDashboard reads a dashboard. A key that is not of the model above, and anything
// behind the dashboard, are errors.
func ReadDashboard(text []byte) (*Dashboard, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	d := new(Dashboard)
	if err := decoder.Decode(d); err != nil {
		return nil, fmt.Errorf("monitoringtest: dashboard: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("monitoringtest: dashboard: something stands behind it; keep one to a file")
	}
	return d, nil
}

// Format writes a dashboard in the one way in which it is kept, so that a change shows
// what was changed and nothing else.
func (d *Dashboard) Format() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("monitoringtest: dashboard %s: %w", d.UID, err)
	}
	return text.Bytes(), nil
}
