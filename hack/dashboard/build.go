package main

// prometheus is the data source that whoever looks chooses.
func prometheus() *datasource { return &datasource{Type: "prometheus", UID: "${datasource}"} }

// row is a heading, and what stands below it.
type row struct {
	title string
	views []view
}

// view is one panel.
type view struct {
	// kind is stat or timeseries.
	kind, title, description, unit string
	// bad is from where on a value is a person's to look at; nil where there is no
	// such value. Below it is true where small values are bad.
	bad   *float64
	below bool
	// stacked has the series stand on one another.
	stacked bool
	lines   []line
}

// line is a query, and the name of its series.
type line struct{ expr, legend string }

const (
	columns    = 24
	statWidth  = 4
	statHeight = 4
	width      = 8
	height     = 8
)

// newDashboard lays the rows out: stats side by side, and below them the graphs.
func newDashboard(rows []row) dashboard {
	d := dashboard{
		UID: "holdfast", Title: "Holdfast", Tags: []string{"holdfast"}, SchemaVersion: schemaVersion, Editable: true,
		Description: "How controls stand, whether anybody looks, and how the evidence is doing.",
		Refresh:     "1m", Time: timeRange{"now-6h", "now"}, Templating: templating{variables()},
	}
	y := 0
	for _, r := range rows {
		d.Panels = append(d.Panels, panel{Type: "row", Title: r.title, GridPos: gridPos{1, columns, 0, y}, Collapsed: new(false)})
		y++
		x, tall := 0, 0
		for _, v := range r.views {
			w, h := width, height
			if v.kind == "stat" {
				w, h = statWidth, statHeight
			}
			if x+w > columns || (tall != 0 && h != tall) {
				x, y = 0, y+tall
			}
			d.Panels = append(d.Panels, v.panel(gridPos{h, w, x, y}))
			x, tall = x+w, h
		}
		y += tall
	}
	return d
}

// variables are what whoever looks may choose.
func variables() []variable {
	const onLoad, alphabetical = 1, 1
	return []variable{
		{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: onLoad},
		{Name: "job", Label: "Job", Type: "query", Query: "label_values(holdfast_build_info, job)", Datasource: prometheus(),
			Refresh: onLoad, Sort: alphabetical},
		{Name: "policy", Label: "Policy", Type: "query", Query: `label_values(holdfast_subjects{job="$job"}, policy)`, Datasource: prometheus(),
			Refresh: onLoad, Multi: true, IncludeAll: true, AllValue: ".*", Sort: alphabetical},
	}
}

// panel is the view as Grafana has it, at a place.
func (v *view) panel(at gridPos) panel {
	p := panel{Type: v.kind, Title: v.title, Description: v.description, Datasource: prometheus(), GridPos: at}
	for i, l := range v.lines {
		p.Targets = append(p.Targets, query{RefID: string(rune('A' + i)), Expr: l.expr, LegendFormat: l.legend,
			Instant: v.kind == "stat", Range: v.kind != "stat", Datasource: prometheus()})
	}
	defaults := fieldDefaults{Unit: v.unit, Thresholds: v.thresholds()}
	if v.kind == "stat" {
		p.Options = map[string]any{"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "textMode": "auto"}
	} else {
		defaults.Min = new(0.0)
		defaults.Color = map[string]any{"mode": "palette-classic"}
		defaults.Custom = map[string]any{"fillOpacity": 10, "showPoints": "never"}
		if v.stacked {
			defaults.Custom["fillOpacity"], defaults.Custom["stacking"] = 40, map[string]any{"mode": "normal"}
		}
		p.Options = map[string]any{"legend": map[string]any{"displayMode": "list", "placement": "bottom"}, "tooltip": map[string]any{"mode": "multi"}}
	}
	p.FieldConfig = &fieldConfig{Defaults: defaults, Overrides: []any{}}
	return p
}

// thresholds colour what is a person's to look at.
func (v *view) thresholds() *thresholds {
	if v.bad == nil {
		return nil
	}
	low, high := "green", "red"
	if v.below {
		low, high = high, low
	}
	return &thresholds{Mode: "absolute", Steps: []threshold{{low, nil}, {high, v.bad}}}
}
