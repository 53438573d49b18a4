"""The course for nbgrader: solutions/ is its source, exercises/ its release."""

import os
import sys

# nbgrader starts alembic by its name: let it be found also where the environment is not activated.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "marketing-operations-interface"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# Students' work and marks (submitted/, autograded/, feedback/, gradebook.db) keep nbgrader's own names; .gitignore
# keeps them out of the history.

c.ClearSolutions.begin_solution_delimeter = "BEGIN SOLUTION"
c.ClearSolutions.end_solution_delimeter = "END SOLUTION"
c.ClearSolutions.code_stub = {"python": '# YOUR CODE HERE\nraise NotImplementedError("not done yet")'}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"
c.ClearHiddenTests.begin_test_delimeter = "BEGIN HIDDEN TESTS"
c.ClearHiddenTests.end_test_delimeter = "END HIDDEN TESTS"
c.Execute.timeout = 60
# Nothing hidden, and no script, in what learners read about their work.
c.GenerateFeedback.exporter_class = "moi.grading.feedback.Feedback"
# Long lines of what tests report wrap in the formgrader.
c.HTMLExporter.preprocessors = ["moi.grading.formgrader.Wrapped"]
