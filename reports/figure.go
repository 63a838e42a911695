package reports

// Figure is a picture as data: what is drawn, not how.
type Figure struct {
	ID       string
	Title    string // the finding, or the topic where there is none
	Subtitle string // what is drawn, with unit and interval
	Caption  Words  // method and n, in small type
	Alt      Words  // what the picture shows, for those who cannot see it
	Absent   Words  // why there is nothing to draw; written in the figure's place where Plot is empty
	Plot     Plot
}

// Plot is one of Lines, Survival, Stack, Forest, Dots, Control, Funnel, Plane,
// Acceptability, Flow, Matrix and Mirror.
type Plot interface{ plot() }

func (Lines) plot()         {}
func (Survival) plot()      {}
func (Stack) plot()         {}
func (Forest) plot()        {}
func (Dots) plot()          {}
func (Control) plot()       {}
func (Funnel) plot()        {}
func (Plane) plot()         {}
func (Acceptability) plot() {}
func (Flow) plot()          {}
func (Matrix) plot()        {}
func (Mirror) plot()        {}

// Axis describes one axis. Range and ticks are chosen from the data unless
// given.
type Axis struct {
	Label  string
	Format Format    // how tick labels are written
	Range  []float64 // least and greatest value shown; nil for automatic
	Ticks  []Tick    // nil for automatic 1-2-5 ticks
}

// Tick is a labeled position on an axis.
type Tick struct {
	At    float64
	Label string
}

// Point is a value at x with an optional interval (NaN for none).
type Point struct {
	X, Y      float64
	Low, High float64
	Basis     Basis
	Signal    Signal // marked where the point signals
}

// Series is a named run of points in order of x. A NaN Y breaks the line.
type Series struct {
	Label      string
	Points     []Point
	Comparator bool // drawn dashed and in the comparator's color
}

// Lines shows values over an ordered x: weekly doses, trajectories over visits.
type Lines struct {
	X, Y      Axis
	Series    []Series
	Step      bool // hold each value until the next x
	Markers   bool // a mark at each point
	Ribbon    bool // intervals as bands; otherwise as bars
	Reference []ReferenceLine
}

// ReferenceLine is a labeled constant, such as a target.
type ReferenceLine struct {
	Value float64
	Label string
}

// Survival shows Kaplan-Meier or Aalen-Johansen steps with a risk table.
type Survival struct {
	X, Y      Axis
	Curves    []Curve
	RiskTimes []float64 // columns of the risk table and ticks of the axis
	RiskTitle string    // such as "Number still off work and under observation"

	// Grid is the distance of the times at which the curves are known; they are
	// joined by straight lines. 0 when every event is drawn as a step where it
	// happened. Set by reports/disclosure.
	Grid float64
}

// Curve is one group of a survival figure. Steps are in order of time and hold
// the value from that time on; what Value means (event-free share or cumulative
// incidence) is the caller's choice and is named by the axis.
type Curve struct {
	Label      string
	N          int
	Start      float64 // value at time 0: 1 for survival, 0 for incidence
	Steps      []Step
	End        float64 // the last time under observation
	AtRisk     []Cell  // one for each of RiskTimes
	Comparator bool
	Public     bool // published or simulated: no patient of this cohort stands behind it
}

// Step is the curve at one time.
type Step struct {
	Time      float64
	Value     float64
	Low, High float64 // NaN for no band
	AtRisk    int     // just before Time
	Events    int
	Censored  int
}

// Stack shows the parts of a whole over time as areas on top of each other, a panel for
// each group, with the numbers followed under it: states of work by day, or what has
// happened first by a day.
type Stack struct {
	X, Y      Axis
	Layers    []string // lowest first
	Rest      string   // what the layers leave of the whole; "" where they leave nothing
	Panels    []StackPanel
	RiskTimes []float64 // columns of the numbers followed and ticks of the axis
	RiskTitle string

	// Grid is the distance of the times at which the shares are known; they are joined
	// by straight lines. 0 when every change is drawn where it happened. Set by
	// reports/disclosure.
	Grid float64
}

// StackPanel is one group of a Stack.
type StackPanel struct {
	Label  string
	N      int
	Steps  []StackStep // in order of time; each holds from its time on
	End    float64     // the last time under observation
	AtRisk []Cell      // one for each of RiskTimes
	Public bool        // published or simulated: no patient of this cohort stands behind it
}

// StackStep is the shares at one time.
type StackStep struct {
	Time     float64
	Shares   []float64 // one for each layer
	Followed int       // just before Time
	Changes  []int     // by layer: patients who came into it or left it at Time
}

// Forest shows estimates in rows with measured columns beside them.
type Forest struct {
	LabelHead string
	Columns   []string // heads of the columns left of the plot
	Result    string   // head of the column right of the plot, such as "RR (95% CI)"
	Rows      []ForestRow
	X         Axis
	Log       bool
	Reference float64 // the line of no difference
	Favors    [2]string
}

// ForestRow is one row of a forest figure.
type ForestRow struct {
	Label    string
	Heading  bool // a group heading without estimate
	Columns  []Cell
	Estimate Cell    // Value, Low and High are drawn; written in the right column
	Weight   float64 // sets the size of the square; 0 for the usual size
	Role     ForestRole
}

// ForestRole is what a row of a forest figure stands for.
type ForestRole int

// Benchmarks and pooled rows are drawn as diamonds.
const (
	Single ForestRole = iota
	Pooled
	Benchmark
)

// Dots shows shares or other values by category, with intervals; several rules
// or groups stand side by side.
type Dots struct {
	X      Axis
	Rows   []string // categories, top to bottom
	Series []DotSeries
	Bars   bool // bars from zero rather than dots
	Shared bool // with Bars: those of a row on one line, as in a tornado
	Join   bool // a line between the series of a row, as in balance plots
	Lines  []ReferenceLine
}

// DotSeries is one rule or group of a Dots figure.
type DotSeries struct {
	Label      string
	Values     []Cell // one for each row; Blank where there is none
	Comparator bool
}

// Control shows an XmR or p chart.
type Control struct {
	X, Y   Axis
	Points []ControlPoint
	Center float64
	Target float64 // NaN for none
	Limits string  // what the limits are, such as "3 sigma"; used in labels' description
}

// ControlPoint is one period of a control chart.
type ControlPoint struct {
	Label        string // under the axis; empty for none
	Y            float64
	Lower, Upper float64 // limits at this point; NaN for none
	Center       float64 // NaN uses Control.Center
	Signal       Signal
	Rule         string // the rule that signaled
	Rebased      bool   // the limits start anew here
	Basis        Basis
}

// Signal is what the rules say of a point.
type Signal int

// The signals of a control chart.
const (
	CommonCause Signal = iota
	Improvement
	Concern
	Changed // which way is better is not known
)

// Funnel shows units by size with control limits.
type Funnel struct {
	X, Y       Axis
	Points     []FunnelPoint
	Center     float64
	Limits     []FunnelLimit // in order of N
	Target     float64       // NaN for none
	Dispersion string        // what was done about over-dispersion; joins the caption
	Unit       string        // what a point is; Site where empty
}

// FunnelPoint is one site or program.
type FunnelPoint struct {
	Label string
	N     float64
	Y     float64
	Own   bool // the reader's own unit
	Basis Basis
	// Signal is set of a unit outside the 95 % limits.
	Signal Signal
}

// FunnelLimit holds the 95 % and 99.8 % limits at size N.
type FunnelLimit struct {
	N                                    float64
	Lower95, Upper95, Lower998, Upper998 float64
}

// Plane is a cost-effectiveness plane. Its points are simulations, never
// patients.
type Plane struct {
	X, Y          Axis
	Points        [][2]float64 // effect, cost
	MeanX, MeanY  float64
	Ellipses      []Ellipse
	Threshold     float64 // willingness to pay for one unit of effect; NaN for none
	ThresholdText string
}

// Ellipse is a normal region that holds the share Level of simulations.
type Ellipse struct {
	Level                  float64
	MeanX, MeanY           float64
	VarX, VarY, Covariance float64
}

// Acceptability shows cost-effectiveness acceptability curves, in the order of
// the strategies, and the frontier over them.
type Acceptability struct {
	X, Y     Axis
	Series   []Series
	Frontier []Point   // the strategy of highest expected net benefit; nil for none
	Shaded   []float64 // the range of willingness to pay that decisions use; nil for none
}

// Flow shows who came and who was left at each step.
type Flow struct{ Steps []FlowStep }

// FlowStep is one box of a flow figure.
type FlowStep struct {
	Label string
	Count Cell
	Lost  []FlowLoss // who left between this step and the next
}

// FlowLoss is a reason to leave with its count.
type FlowLoss struct {
	Label string
	Count Cell
}

// Mirror shows how a value is spread in two groups: one histogram upwards, the other
// downwards, each with a second one as an outline, such as before and after weighting.
type Mirror struct {
	X, Y  Axis
	Edges []float64 // of the bars, one more than there are bars
	Kinds [2]string // what bars and outlines are
	Sides [2]MirrorSide
}

// MirrorSide is one group of a Mirror: the share of it in each bar.
type MirrorSide struct {
	Label         string
	Bars, Outline []Cell
}

// Matrix shows squares by row and column: patterns of visits, answers over two
// assumptions.
type Matrix struct {
	Rows, Columns         []string
	RowTitle, ColumnTitle string
	Cells                 [][]MatrixCell // by row, then column; a row may be short
	Kinds                 [4]string      // what the kinds of cells mean, in the key; empty for none
}

// MatrixCell is a square: its color and what is written in it.
type MatrixCell struct {
	Kind MatrixKind
	Cell Cell // Blank for nothing written
}

// MatrixKind colors a cell.
type MatrixKind int

// The kinds of cells of a matrix.
const (
	MatrixPlain MatrixKind = iota
	MatrixFirst
	MatrixSecond
	MatrixEmpty
)
