package main

import (
	"errors"
	"os"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// live is a screen that redraws its bars at each report.
type live struct {
	terminal *os.File
	program  *tea.Program
	ended    chan error
}

func openLive(terminal *os.File, interrupt func()) *live {
	options := []tea.ProgramOption{tea.WithOutput(terminal), tea.WithoutSignalHandler()}
	if !term.IsTerminal(os.Stdin.Fd()) {
		options = append(options, tea.WithInput(nil))
	}
	l := &live{
		terminal: terminal,
		program:  tea.NewProgram(&stage{interrupt: interrupt}, options...),
		ended:    make(chan error, 1),
	}
	go func() {
		_, err := l.program.Run()
		l.ended <- err
	}()
	return l
}

// Report implements collector.Reporter.
func (l *live) Report(u pull.Update) { l.program.Send(u) }

func (l *live) width() int {
	if w, _, err := term.GetSize(l.terminal.Fd()); err == nil && w > 0 {
		return w
	}
	return plainWidth
}

func (l *live) close() error {
	l.program.Quit()
	if err := <-l.ended; err != nil && !errors.Is(err, tea.ErrProgramKilled) {
		return err
	}
	return nil
}

// stage is what the terminal shows: the model of Bubble Tea's program.
type stage struct {
	gallery
	columns, rows int
	interrupt     func()
}

// Init implements [tea.Model].
func (s *stage) Init() tea.Cmd { return nil }

// Update implements [tea.Model].
func (s *stage) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.columns, s.rows = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+c" {
			s.interrupt() // the terminal is raw: no signal comes of it
		}
	case pull.Update:
		s.add(msg)
	}
	return s, nil
}

// View implements [tea.Model].
func (s *stage) View() tea.View { return tea.NewView(frame(s.pulls, s.columns, s.rows)) }
