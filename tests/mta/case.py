# SPDX-License-Identifier: ISC
"""What the test cases share: a daemon behind an MTA, once for each class."""

import os
import unittest

from . import client, replies, workspace
from .milter import Milter
from .postfix import Postfix
from .sendmail import Sendmail

ACCEPTED = replies.POSTFIX.recipient("")


class AnyCase(unittest.TestCase):
    """A class's settings are its attributes; its servers start with its first test.

    Behind which MTA is a subclass's affair: "server" is that one.
    """

    mta = None
    slow = False	# begin with these, so that others run beside them

    policy = ""
    files = {}		# further files of the policy's folder
    settings = {}	# of tlsward.conf
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pki = workspace.pki()
        cls.folder = workspace.folder()
        cls.addClassCleanup(workspace.remove, cls.folder)
        cls.milter = Milter(os.path.join(cls.folder, "milter"), cls.policy_text(),
                            cls.files, **cls.milter_settings())
        cls.milter.start()
        cls.addClassCleanup(cls._end_milter)
        cls.server = cls.make_server(os.path.join(cls.folder, "mta"))
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)

    @classmethod
    def policy_text(cls):
        """The policy; "pki" is there already."""
        return cls.policy

    @classmethod
    def milter_settings(cls):
        return cls.settings

    @classmethod
    def make_server(cls, folder):
        """The MTA, not started yet."""
        raise NotImplementedError

    @classmethod
    def _end_milter(cls):
        status = cls.milter.stop()
        errors = cls.milter.error_text()
        deaths = [line for line in cls.milter.lines() if "the worker" in
                  line.get("msg", "")]
        if status != 0 or "Sanitizer" in errors or "runtime error" in errors or deaths:
            raise AssertionError("tlsward-milter ended with %s: %s %s" % (
                status, errors, deaths))

    def setUp(self):
        self.milter.mark()

    # Sessions

    def dial(self, host="127.0.0.1", source=None, listener="smtp", source_port=0):
        """A client that has not said anything; closed after the test."""
        made = client.Client(self.server.ports[listener], host, source,
                             source_port)
        self.addCleanup(made.close)
        return made

    def connect(self, context=None, ehlo="client.test.example", session=None, **where):
        """A client after EHLO, and STARTTLS with a context; closed after the test."""
        return self.dial(**where).open(context, ehlo, session)

    def tls(self, version="1.3", cipher=None, certificate=None):
        """A TLS context; the certificate by its name."""
        return client.tls(version, cipher,
                          certificate and self.pki.clients[certificate])

    # What is expected

    def assert_refused(self, reply, codes, *parts):
        """The reply has these codes and these parts of its text."""
        self.assertTrue(reply.startswith(codes + " "), reply)
        self.assertNotIn("\n", reply)
        for part in parts:
            self.assertIn(part, reply)

    def assert_record(self, record, **fields):
        """The record has these values; None: the field is left out."""
        self.assertEqual({name: record.get(name) for name in fields}, fields)


class MilterCase(AnyCase):
    """Behind a Postfix."""

    mta = "postfix"
    parameters = {}	# of main.cf
    listeners = {}	# further smtpd services, options by name
    services = ()	# of master.cf

    @classmethod
    def make_server(cls, folder):
        cls.postfix = Postfix(folder, cls.pki, cls.listeners, cls.services,
                              **cls.main_parameters())
        return cls.postfix

    @classmethod
    def main_parameters(cls):
        return {"smtpd_milters": cls.milter.address, **cls.parameters}


class SendmailCase(AnyCase):
    """Behind a Sendmail."""

    mta = "sendmail"
    options = ()	# lines of sendmail.mc

    @classmethod
    def make_server(cls, folder):
        cls.sendmail = Sendmail(folder, cls.pki, cls.milter.address, cls.options)
        return cls.sendmail
