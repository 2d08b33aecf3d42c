package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"upwork-ai-agent/db"
	"upwork-ai-agent/db/embedded"
	"upwork-ai-agent/db/isolation"
)

// Doctor looks at the installation as it is and says how to mend what is wrong.
func Doctor(ctx context.Context, r *Runtime, args []string) error {
	var asJSON bool
	if err := parse("doctor", args, func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "") }); err != nil {
		return err
	}
	o, stop, err := r.existing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	found, err := db.Examine(ctx, o)
	if err != nil {
		return err
	}
	if err := r.show(found, asJSON); err != nil || found.OK {
		return err
	}
	return ErrSaid
}

// Prove attacks the running database and reports what came of it, or verifies a report.
func Prove(ctx context.Context, r *Runtime, args []string) error {
	var asJSON bool
	var page, verify string
	err := parse("prove", args, func(f *flag.FlagSet) {
		f.BoolVar(&asJSON, "json", false, "")
		f.StringVar(&page, "html", "", "")
		f.StringVar(&verify, "verify", "", "")
	})
	if err != nil {
		return err
	}
	if verify != "" {
		return r.verify(ctx, verify)
	}
	if page == standard && asJSON {
		return UsageError("prove: --json and --html - would both write to standard output; give --html a file.")
	}
	o, stop, err := r.existing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	report, err := db.Prove(ctx, o, isolation.ProofOptions{Embedded: r.Config.Embedded(), Progress: func(line string) { fmt.Fprintln(r.Err, line) }})
	if report.Signature == nil {
		return err
	}
	r.Complain("keeping the proof", err)
	if err := r.present(report, page, asJSON); err != nil || report.OK {
		return err
	}
	return ErrSaid
}

// standard stands for standard output or input where a file is asked for: in a container there is no place for one.
const standard = "-"

// present writes the report as a page, where one is wanted, and shows it: beside a page on standard output, where progress is.
func (r *Runtime) present(report isolation.Report, page string, asJSON bool) error {
	switch page {
	case "":
	case standard:
		if _, err := r.Out.Write(report.HTML()); err != nil {
			return err
		}
		_, err := fmt.Fprintln(r.Err, report)
		return err
	default:
		if err := os.WriteFile(page, report.HTML(), 0o644); err != nil {
			return err
		}
	}
	return r.show(report, asJSON)
}

// verify says whether the report in a file is one that this installation has signed.
func (r *Runtime) verify(ctx context.Context, file string) error {
	if r.Config.Embedded() && !embedded.Made(r.Data) {
		return fmt.Errorf("there is no installation in %s that could have signed it", r.Data)
	}
	text, err := contents(file)
	if err != nil {
		return err
	}
	if file == standard {
		file = "the report"
	}
	o := r.connections()
	if err := r.unlock(&o); err != nil {
		return err
	}
	report, err := db.Verify(ctx, o, text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	_, err = fmt.Fprintf(r.Out, "%s was signed by this installation and has not been changed since.\n%s\n", file, report.Summary())
	return err
}

func contents(file string) ([]byte, error) {
	if file == standard {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

// Why says what lets a member reach a row, and what does not.
func Why(ctx context.Context, r *Runtime, args []string) error {
	var q isolation.Question
	var asJSON bool
	err := parse("why", args, func(f *flag.FlagSet) {
		f.StringVar(&q.Tenant, "tenant", "", "")
		f.StringVar(&q.Member, "member", "", "")
		f.StringVar(&q.Table, "table", "", "")
		f.StringVar(&q.ID, "id", "", "")
		f.StringVar(&q.Operation, "operation", "select", "")
		f.BoolVar(&asJSON, "json", false, "")
	})
	if err != nil {
		return err
	}
	o, stop, err := r.existing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	d, err := db.Open(ctx, o)
	if err != nil {
		return err
	}
	defer d.Close()
	answer, err := isolation.Why(ctx, d, q)
	var bad *isolation.BadQuestion
	if errors.As(err, &bad) {
		return UsageError("--" + bad.Error() + ".")
	}
	if err != nil {
		return err
	}
	return r.show(answer, asJSON)
}
