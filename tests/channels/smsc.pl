#!/usr/bin/perl
# An SMSC by Net::SMPP, which is not ours: takes one client after the other, answers what it sends, and sends a receipt
# for each message, then a message from a person in two parts, the second first. Writes what it got to standard output, one line each.
use strict;
use warnings;
use Net::SMPP;

$| = 1;
my $server = Net::SMPP->new_listen('127.0.0.1', port => $ARGV[0], interface_version => 0x34) or die "cannot listen: $!";
print "ready\n";
while (my $client = $server->accept) {
    while (my $pdu = $client->read_pdu) {
        if ($pdu->{cmd} == Net::SMPP::CMD_bind_transceiver) {
            print "bind $pdu->{system_id} $pdu->{password}\n";
            $client->bind_transceiver_resp(seq => $pdu->{seq}, status => 0, system_id => 'perl');
        } elsif ($pdu->{cmd} == Net::SMPP::CMD_submit_sm) {
            my $text = unpack('H*', $pdu->{short_message});
            print "submit $pdu->{source_addr_ton} $pdu->{source_addr} $pdu->{dest_addr_ton} $pdu->{destination_addr} ",
                "$pdu->{data_coding} $pdu->{esm_class} $pdu->{registered_delivery} $pdu->{validity_period} $text\n";
            my $id = sprintf('perl-%d', $pdu->{seq});
            if ($pdu->{destination_addr} =~ /0$/) {
                $client->submit_sm_resp(seq => $pdu->{seq}, status => 0, message_id => $id);
            } else {
                $client->submit_sm_resp(seq => $pdu->{seq}, status => Net::SMPP::ESME_RTHROTTLED, message_id => '');
                next;
            }
            next unless $pdu->{registered_delivery} & 1;
            next if $pdu->{short_message} eq 'no receipt';
            $client->deliver_sm(
                source_addr => $pdu->{destination_addr}, destination_addr => $pdu->{source_addr}, esm_class => 0x04,
                source_addr_ton => 1, async => 1,
                short_message => "id:$id sub:001 dlvrd:001 submit date:2401011200 done date:2401011200 stat:DELIVRD err:000 text:",
            );
            for my $part ([2, 'nks'], [1, 'tha']) {
                $client->deliver_sm(
                    source_addr => $pdu->{destination_addr}, destination_addr => '15557000', source_addr_ton => 1, async => 1,
                    dest_addr_ton => 1, esm_class => 0x40,
                    short_message => pack('C6', 5, 0, 3, $pdu->{seq} & 0xff, 2, $part->[0]) . $part->[1],
                );
            }
        } elsif ($pdu->{cmd} == Net::SMPP::CMD_query_sm) {
            print "query $pdu->{message_id} $pdu->{source_addr_ton} $pdu->{source_addr}\n";
            $client->query_sm_resp(
                seq => $pdu->{seq}, status => 0, message_id => $pdu->{message_id}, final_date => '260101000100000+',
                message_state => 2, error_code => 0,
            );
        } elsif ($pdu->{cmd} == Net::SMPP::CMD_enquire_link) {
            print "enquire\n";
            $client->enquire_link_resp(seq => $pdu->{seq}, status => 0);
        } elsif ($pdu->{cmd} == Net::SMPP::CMD_deliver_sm_resp) {
            print "delivered $pdu->{status}\n";
        } elsif ($pdu->{cmd} == Net::SMPP::CMD_unbind) {
            print "unbind\n";
            $client->unbind_resp(seq => $pdu->{seq}, status => 0);
            last;
        }
    }
    close $client;
}
