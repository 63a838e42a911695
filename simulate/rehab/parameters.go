package rehab

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"recoup/simulate/design"
)

// parameters are the values of one draw. The tag names the parameter of the
// evidence, and after a comma what values make sense: share (0 to 1), positive
// (0 or more) or any.
type parameters struct {
	FemaleAt45   float64 `evidence:"mortality.female_at_45,positive"`
	MaleAt45     float64 `evidence:"mortality.male_at_45,positive"`
	Growth       float64 `evidence:"mortality.growth,any"`
	DeathUnder90 float64 `evidence:"mortality.opioid_under_90,positive"`
	DeathOver90  float64 `evidence:"mortality.opioid_90,positive"`

	Attendance  float64 `evidence:"care.attendance,share"`
	Completion  float64 `evidence:"care.completion,share"`
	DropoutMood float64 `evidence:"care.dropout_mood,any"`

	EffectPain           float64 `evidence:"effect.pain,any"`
	RetainedPain         float64 `evidence:"effect.pain_retained,share"`
	EffectInterference   float64 `evidence:"effect.interference,any"`
	RetainedInterference float64 `evidence:"effect.interference_retained,share"`
	EffectMood           float64 `evidence:"effect.mood,any"`
	RetainedMood         float64 `evidence:"effect.mood_retained,share"`
	EffectHalfLife       float64 `evidence:"effect.decay_half_life,positive"`
	HalfDoseHours        float64 `evidence:"effect.half_dose_hours,positive"`
	ResponseSD           float64 `evidence:"effect.response_sd,positive"`
	Booster              float64 `evidence:"effect.booster,share"`

	PoolTherapy    float64 `evidence:"component.pool_therapy,positive"`
	Stretching     float64 `evidence:"component.stretching_strengthening,positive"`
	Aerobic        float64 `evidence:"component.aerobic_exercise,positive"`
	Relaxation     float64 `evidence:"component.relaxation,positive"`
	CopingSkills   float64 `evidence:"component.coping_skills,positive"`
	Psychotherapy  float64 `evidence:"component.psychotherapy,positive"`
	Medication     float64 `evidence:"component.medication_management,positive"`
	OpioidTapering float64 `evidence:"component.opioid_tapering,positive"`
	LifeWork       float64 `evidence:"component.life_work_exposure,positive"`

	DriftPain           float64 `evidence:"symptom.drift_pain,any"`
	DriftInterference   float64 `evidence:"symptom.drift_interference,any"`
	DriftMood           float64 `evidence:"symptom.drift_mood,any"`
	DriftSDPain         float64 `evidence:"symptom.drift_sd_pain,positive"`
	DriftSDInterference float64 `evidence:"symptom.drift_sd_interference,positive"`
	DriftSDMood         float64 `evidence:"symptom.drift_sd_mood,positive"`
	DriftHalfLife       float64 `evidence:"symptom.drift_half_life,positive"`
	Regression          float64 `evidence:"symptom.regression,share"`
	Autocorrelation     float64 `evidence:"symptom.autocorrelation,share"`
	SDPain              float64 `evidence:"symptom.sd_pain,positive"`
	SDInterference      float64 `evidence:"symptom.sd_interference,positive"`
	SDMood              float64 `evidence:"symptom.sd_mood,positive"`
	CorrPI              float64 `evidence:"symptom.corr_pain_interference,any"`
	CorrPM              float64 `evidence:"symptom.corr_pain_mood,any"`
	CorrIM              float64 `evidence:"symptom.corr_interference_mood,any"`
	FlareProbability    float64 `evidence:"flare.probability,share"`
	FlareShock          float64 `evidence:"flare.shock,any"`
	FlareProgram        float64 `evidence:"flare.program,any"`

	AcceptRequired  float64 `evidence:"taper.accept_required,share"`
	AcceptOptional  float64 `evidence:"taper.accept_optional,share"`
	TaperSkip       float64 `evidence:"taper.skip,share"`
	Resumption      float64 `evidence:"taper.resumption_12m,share"`
	ResumptionMood  float64 `evidence:"taper.resumption_mood,any"`
	ResumedDose     float64 `evidence:"taper.resumed_dose,positive"`
	Discontinuation float64 `evidence:"taper.usual_discontinuation,share"`
	OverdoseUnder20 float64 `evidence:"overdose.rate_under_20,positive"`
	Overdose20      float64 `evidence:"overdose.rate_20,positive"`
	Overdose50      float64 `evidence:"overdose.rate_50,positive"`
	Overdose100     float64 `evidence:"overdose.rate_100,positive"`
	OverdoseTaper   float64 `evidence:"overdose.taper,positive"`

	FullModified          float64 `evidence:"work.full_modified,positive"`
	FullOff               float64 `evidence:"work.full_off,positive"`
	FullDisability        float64 `evidence:"work.full_disability,positive"`
	ModifiedFull          float64 `evidence:"work.modified_full,positive"`
	ModifiedOff           float64 `evidence:"work.modified_off,positive"`
	ModifiedDisability    float64 `evidence:"work.modified_disability,positive"`
	OffFull               float64 `evidence:"work.off_full,positive"`
	OffModified           float64 `evidence:"work.off_modified,positive"`
	OffDisability         float64 `evidence:"work.off_disability,positive"`
	DisabilityFull        float64 `evidence:"work.disability_full,positive"`
	DisabilityModified    float64 `evidence:"work.disability_modified,positive"`
	DisabilityOff         float64 `evidence:"work.disability_off,positive"`
	WorkInterference      float64 `evidence:"work.interference,any"`
	WorkMood              float64 `evidence:"work.mood,any"`
	ReferenceInterference float64 `evidence:"work.reference_interference,any"`
	ReferenceMood         float64 `evidence:"work.reference_mood,any"`
	WeeksOff              float64 `evidence:"work.weeks_off,any"`
	Compensation          float64 `evidence:"work.compensation,any"`
	WorkProgram           float64 `evidence:"work.program,any"`

	FusionMortality       float64 `evidence:"fusion.mortality,share"`
	Complication          float64 `evidence:"fusion.complication,share"`
	Reoperation           float64 `evidence:"fusion.reoperation_2y,share"`
	RecoveryWeeks         float64 `evidence:"fusion.recovery,positive"`
	RecoveryPain          float64 `evidence:"fusion.recovery_pain,any"`
	FusionPain            float64 `evidence:"fusion.pain_over_program,any"`
	FusionInterference    float64 `evidence:"fusion.interference_over_program,any"`
	FusionMood            float64 `evidence:"fusion.mood,any"`
	ReturnToJob           float64 `evidence:"fusion.return_to_job,share"`
	FusionWork            float64 `evidence:"fusion.work,any"`
	DoseRatio             float64 `evidence:"fusion.dose_ratio,positive"`
	DoseRatioCompensation float64 `evidence:"fusion.dose_ratio_compensation,positive"`
	NewOpioid             float64 `evidence:"fusion.new_opioid,share"`
	NewDose               float64 `evidence:"fusion.new_dose,positive"`

	NoPain         float64 `evidence:"utility.no_pain,any"`
	Decrement1     float64 `evidence:"utility.decrement_1,any"`
	Decrement2     float64 `evidence:"utility.decrement_2,any"`
	Decrement3     float64 `evidence:"utility.decrement_3,any"`
	Decrement4     float64 `evidence:"utility.decrement_4,any"`
	Decrement5     float64 `evidence:"utility.decrement_5,any"`
	Decrement6     float64 `evidence:"utility.decrement_6,any"`
	Decrement7     float64 `evidence:"utility.decrement_7,any"`
	Decrement8     float64 `evidence:"utility.decrement_8,any"`
	Decrement9     float64 `evidence:"utility.decrement_9,any"`
	Decrement10    float64 `evidence:"utility.decrement_10,any"`
	DecrementScale float64 `evidence:"utility.decrement_scale,positive"`

	MedicalBase         float64 `evidence:"cost.medical_base,positive"`
	MedicalInterference float64 `evidence:"cost.medical_interference,any"`
	MedicalCV           float64 `evidence:"cost.medical_cv,positive"`
	OpioidMME           float64 `evidence:"cost.opioid_mme,positive"`
	OtherDrugs          float64 `evidence:"cost.other_drugs,positive"`
	OverdoseCost        float64 `evidence:"cost.overdose,positive"`
	FusionCost          float64 `evidence:"cost.fusion,positive"`
	ComplicationCost    float64 `evidence:"cost.complication,positive"`
	ReoperationCost     float64 `evidence:"cost.reoperation,positive"`
	ProgramCost         float64 `evidence:"cost.program,positive"`
	Wage                float64 `evidence:"cost.wage,positive"`
	ModifiedLoss        float64 `evidence:"cost.modified_loss,share"`
}

// ParameterNames returns the names of the parameters the model reads.
func ParameterNames() []string {
	var names []string
	for f := range fields() {
		names = append(names, f.name)
	}
	return names
}

type field struct {
	index        int
	name, bounds string
}

func fields() func(yield func(field) bool) {
	return func(yield func(field) bool) {
		t := reflect.TypeFor[parameters]()
		for i := range t.NumField() {
			name, kind, _ := strings.Cut(t.Field(i).Tag.Get("evidence"), ",")
			if !yield(field{i, name, kind}) {
				return
			}
		}
	}
}

// checkNames wants the evidence to have every parameter the model reads and no
// other.
func checkNames(have []string) error {
	want := ParameterNames()
	var missing, unused []string
	for _, n := range want {
		if !slices.Contains(have, n) {
			missing = append(missing, n)
		}
	}
	for _, n := range have {
		if !slices.Contains(want, n) {
			unused = append(unused, n)
		}
	}
	switch {
	case len(missing) > 0:
		return fmt.Errorf("the evidence lacks %s", strings.Join(missing, ", "))
	case len(unused) > 0:
		return fmt.Errorf("the evidence has parameters the model does not read: %s", strings.Join(unused, ", "))
	}
	return nil
}

// newParameters fills the struct and refuses values without meaning.
func newParameters(values map[string]float64) (parameters, error) {
	var p parameters
	v := reflect.ValueOf(&p).Elem()
	for f := range fields() {
		x, ok := values[f.name]
		switch {
		case !ok:
			return p, fmt.Errorf("the evidence lacks %s", f.name)
		case math.IsNaN(x) || math.IsInf(x, 0):
			return p, fmt.Errorf("%s is not a finite number; give it another distribution", f.name)
		case f.bounds == "share" && (x < 0 || x > 1):
			return p, fmt.Errorf("%s is drawn as %g, which is not a share from 0 to 1; give it a beta distribution", f.name, x)
		case f.bounds == "positive" && x < 0:
			return p, fmt.Errorf("%s is drawn as %g, below 0; give it a gamma or lognormal distribution", f.name, x)
		}
		v.Field(f.index).SetFloat(x)
	}
	if det := 1 + float64(2*p.CorrPI*p.CorrPM*p.CorrIM) - float64(p.CorrPI*p.CorrPI) - float64(p.CorrPM*p.CorrPM) - float64(p.CorrIM*p.CorrIM); math.Abs(p.CorrPI) >= 1 || det <= 0 {
		return p, fmt.Errorf("the three symptom correlations cannot hold together (%g, %g, %g)", p.CorrPI, p.CorrPM, p.CorrIM)
	}
	return p, nil
}

// weights returns the effectiveness of an hour of each component, in the order
// of design.Components.
func (p parameters) weights() []float64 {
	return []float64{p.PoolTherapy, p.Stretching, p.Aerobic, p.Relaxation, p.CopingSkills, p.Psychotherapy, p.Medication, p.OpioidTapering, p.LifeWork}
}

// decrements returns the loss of utility at pain 0..10, with the last value
// repeated so that 10 can be interpolated like any other.
func (p parameters) decrements() [12]float64 {
	t := [12]float64{0, p.Decrement1, p.Decrement2, p.Decrement3, p.Decrement4, p.Decrement5, p.Decrement6, p.Decrement7, p.Decrement8, p.Decrement9, p.Decrement10, p.Decrement10}
	for i := range t {
		t[i] = float64(t[i] * p.DecrementScale)
	}
	return t
}

// weightedHours is the effective hours of a week of a phase.
func (p parameters) weightedHours(phase design.Phase) float64 {
	sum := 0.0
	for i, w := range p.weights() {
		sum += float64(w * phase.Hours[design.Components[i]])
	}
	return float64(sum * p.Attendance)
}
